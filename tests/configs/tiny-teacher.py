# Adapters, a learned fill and a teacher; half of the images have no labels.
_base_ = 'tiny-ssf.py'
model = dict(
    fill='learned',
    teacher=[
        dict(type='LogitKL'),
        dict(type='ChannelWiseKL', loss_weight=1.0),
        dict(type='FeatureMSE', levels=[2, 3]),
    ],
)
scenes = dict(
    type='SceneDataset',
    modalities=_base_.modalities,
    metainfo=dict(classes=_base_.classes),
    num_scenes=2,
    size=(32, 48),
    pipeline=[dict(type='PackModalities')],
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[scenes, dict(scenes, start=2, labelled=False)],
        ignore_keys=['split'],
    )
)
default_hooks = dict(logger=dict(interval=1))
