# NYUv2 with 40 classes, RGB and HHA, as CMNeXt trains on it: HHA goes in as
# 0..1. docs/datasets.md says where the files go.
modalities = [
    dict(
        name='rgb',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    dict(name='hha', mean=[0.0, 0.0, 0.0], std=[255.0, 255.0, 255.0]),
]
scale = (640, 480)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=40),
    dict(
        type='RandomApply',
        transforms=[dict(type='RGBPhotoMetricDistortion')],
        prob=0.2,
    ),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(0.5, 2.0)),
    dict(type='RandomCropModalities', crop_size=scale[::-1]),
    dict(type='PadModalities', size=scale[::-1]),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='ResizeModalities', scale=scale),
    dict(type='LoadLabel', num_classes=40),
    dict(type='PackModalities'),
]
tta_pipeline = [
    dict(type='LoadModalities'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(
                    type='ResizeModalities',
                    scale=(int(scale[0] * ratio), int(scale[1] * ratio)),
                )
                for ratio in (0.75, 1.0, 1.25)
            ],
            [
                dict(type='RandomFlipModalities', prob=0.0),
                dict(type='RandomFlipModalities', prob=1.0),
            ],
            [dict(type='LoadLabel', num_classes=40)],
            [dict(type='PackModalities')],
        ],
    ),
]
tta_model = dict(type='SegTTAModel')
dataset = dict(
    type='NYUv2Dataset',
    data_root='data/nyuv2',
    num_classes=40,
    modalities=modalities,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='trainval', pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(split='test', pipeline=test_pipeline, **dataset),
)
test_cfg = dict(type='CombinationTestLoop')
test_evaluator = dict(type='CombinationIoUMetric')
val_dataloader = dict(
    test_dataloader, dataset=dict(test_dataloader['dataset'], split='val')
)
val_cfg = dict(type='CombinationValLoop')
val_evaluator = test_evaluator
