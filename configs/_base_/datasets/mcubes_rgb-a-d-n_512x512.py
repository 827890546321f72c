# MCubeS with 20 materials, RGB, angle and degree of linear polarisation and
# near infrared, as CMNeXt trains on it: crops of 512x512, tested on the
# 1024x1024 pixels in the middle of what both cameras see, all but RGB in
# [0, 1] or [-1, 1]. CMNeXt mirrors AoLP without changing the angles; here the
# geometry rule does, and RGB and NIR are not blurred. Every modality may be
# missing on its own; with `stack=_base_.by_camera` those of the polarisation
# camera fail together. docs/datasets.md says where the files go.
modalities = [
    dict(
        name='rgb',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
    ),
    dict(name='aolp', channels=2, geometry='aolp'),
    dict(name='dolp', channels=1),
    dict(name='nir', channels=1, std=[255.0]),
]
by_camera = [
    dict(m, sensor='nir' if m['name'] == 'nir' else 'polarisation')
    for m in modalities
]
crop_size = (512, 512)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=20),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(
        type='RandomResizeModalities',
        scale=(516, 512),
        ratio_range=(0.5, 2.0),
    ),
    dict(type='RandomCropModalities', crop_size=crop_size),
    dict(type='PadModalities', size=crop_size),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=20),
    dict(type='PackModalities'),
]
dataset = dict(
    type='MCubeSDataset',
    data_root='data/mcubes',
    modalities=modalities,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        split='train',
        columns=(192, 1224),
        pipeline=train_pipeline,
        **dataset,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        split='test',
        columns=(196, 1220),
        pipeline=test_pipeline,
        **dataset,
    ),
)
test_cfg = dict(type='CombinationTestLoop')
# CMNeXt's results count a class that occurs nowhere as 0.
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
