# Four MR contrasts of three brains, docs/datasets.md says where the files go.
# Three patients support no claim about medicine: this is for trying four
# sensors that are nothing like a street. Mean and std: inside the heads of the
# two patients that train, so the air around them is below -1.7. Training crops
# 96x96 of a slice of 192x160, which is tested whole.
modalities = [
    dict(name='flair', channels=1, mean=[156.6], std=[51.4]),
    dict(name='t1', channels=1, mean=[151.5], std=[64.3]),
    dict(name='t1c', channels=1, mean=[87.4], std=[34.1]),
    dict(name='t2', channels=1, mean=[84.8], std=[46.1]),
]
classes = ('outside', 'brain', 'lesion')
palette = [[0, 0, 0], [160, 160, 160], [220, 60, 60]]
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=3),
    dict(type='RandomCropModalities', crop_size=(96, 96), cat_max_ratio=0.75),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=3),
    dict(type='PackModalities'),
]
dataset = dict(
    type='FolderDataset',
    data_root='data/ms_mri',
    modalities=modalities,
    metainfo=dict(classes=classes, palette=palette),
)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(names='train.txt', pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(names='test.txt', pipeline=test_pipeline, **dataset),
)
test_cfg = dict(type='CombinationTestLoop')
test_evaluator = dict(type='CombinationIoUMetric')
# Three patients leave none over: this looks at slices that train, too. All
# contrasts and each alone, 5 combinations of 15.
val_dataloader = dict(
    test_dataloader,
    dataset=dict(test_dataloader['dataset'], names='train.txt'),
)
val_cfg = dict(
    type='CombinationValLoop',
    present=['full', *(m['name'] for m in modalities)],
)
val_evaluator = test_evaluator
