# tiny.py, whose data sets come in two parts: the same images in all.
_base_ = 'tiny.py'
first = dict(
    type='SceneDataset',
    modalities=_base_.modalities,
    metainfo=dict(classes=_base_.classes),
    num_scenes=2,
    size=_base_.size,
    pipeline=_base_.test_pipeline,
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(first, pipeline=_base_.train_pipeline),
            dict(
                type='RepeatDataset',
                times=1,
                dataset=dict(first, start=2, pipeline=_base_.train_pipeline),
            ),
        ],
        ignore_keys='split',
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(first, start=100000),
            dict(first, start=100002, num_scenes=1),
        ],
        ignore_keys='split',
    )
)
