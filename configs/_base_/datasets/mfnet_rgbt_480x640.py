# MFNet with 9 classes ("unlabeled" counts as one), RGB and thermal in [0, 1],
# as CMNeXt trains on it. docs/datasets.md says where the files go.
num_classes = 9
modalities = [
    dict(
        name='rgb',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    dict(name='thermal', channels=1, mean=[0], std=[255]),
]
scale = (640, 480)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=num_classes),
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
    dict(type='LoadLabel', num_classes=num_classes),
    dict(type='PackModalities'),
]
dataset = dict(
    type='MFNetDataset',
    data_root='data/mfnet',
    modalities=modalities,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset),
)
# Day or night: --cfg-options test_dataloader.dataset.split=test_night
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
