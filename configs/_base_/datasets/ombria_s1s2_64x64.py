# Floods, two satellites, before and after; docs/datasets.md says where the
# files go. Mean and std: over the training list. Training crops 64x64 of a
# tile of 128x128, which is tested whole. Every image may be missing on its
# own; `stack=_base_.by_satellite` lets the two of a satellite fail together.
modalities = [
    dict(name='s1_before', channels=1, mean=[132.8], std=[49.9]),
    dict(name='s1_after', channels=1, mean=[154.7], std=[48.9]),
    dict(
        name='s2_before',
        mean=[73.4, 77.2, 32.2],
        std=[28.6, 24.0, 19.9],
    ),
    dict(
        name='s2_after',
        mean=[44.7, 61.6, 40.3],
        std=[33.6, 33.0, 33.4],
    ),
]
by_satellite = [dict(m, sensor=m['name'][:2]) for m in modalities]
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=2),
    dict(type='RandomCropModalities', crop_size=(64, 64)),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='RandomFlipModalities', prob=0.5, direction='vertical'),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=2),
    dict(type='PackModalities'),
]
dataset = dict(
    type='OMBRIADataset',
    data_root='data/ombria_128',
    modalities=modalities,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='trainval', pipeline=train_pipeline, **dataset),
)
# The events of 2021: --cfg-options test_dataloader.dataset.split=test2021
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(split='test', pipeline=test_pipeline, **dataset),
)
test_cfg = dict(type='CombinationTestLoop')
test_evaluator = dict(type='CombinationIoUMetric')
# All sensors and each alone, 5 combinations of 15.
val_dataloader = dict(
    test_dataloader, dataset=dict(test_dataloader['dataset'], split='val')
)
val_cfg = dict(
    type='CombinationValLoop',
    present=['full', *(m['name'] for m in modalities)],
)
val_evaluator = test_evaluator
