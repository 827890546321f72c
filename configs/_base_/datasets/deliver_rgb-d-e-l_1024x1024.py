# DELIVER with 25 classes, RGB, depth (as HHA), events and LiDAR, as CMNeXt
# trains on it: all but RGB go in as 0..1. CMNeXt also blurs some of the RGB
# images, and scores labels that were reduced to 1024x1024; here they keep
# their 1042x1042 pixels. docs/datasets.md says where the files go. One weather
# or failure: --cfg-options test_dataloader.dataset.cases=night or
# test_dataloader.dataset.failures=motionblur
modalities = [
    dict(
        name='rgb',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    dict(name='hha', std=[255.0]),
    dict(name='event', std=[255.0]),
    dict(name='lidar', std=[255.0]),
]
scale = (1024, 1024)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=25),
    dict(
        type='RandomApply',
        transforms=[dict(type='RGBPhotoMetricDistortion')],
        prob=0.2,
    ),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(0.5, 2.0)),
    dict(type='RandomCropModalities', crop_size=scale),
    dict(type='PadModalities', size=scale),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='ResizeModalities', scale=scale),
    dict(type='LoadLabel', num_classes=25),
    dict(type='PackModalities'),
]
dataset = dict(
    type='DELIVERDataset',
    data_root='data/deliver',
    modalities=modalities,
)
train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset),
)
# CMNeXt reports the best epoch on val; nothing is chosen on test here.
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(split='test', pipeline=test_pipeline, **dataset),
)
test_cfg = dict(type='CombinationTestLoop')
# The benchmark counts a class that occurs nowhere as 0.
test_evaluator = dict(type='CombinationIoUMetric', iou_rule='cmnext')
# All sensors and each alone, 5 combinations of 15.
val_dataloader = dict(
    test_dataloader, dataset=dict(test_dataloader['dataset'], split='val')
)
val_cfg = dict(
    type='CombinationValLoop',
    present=['full', *(m['name'] for m in modalities)],
)
val_evaluator = test_evaluator
