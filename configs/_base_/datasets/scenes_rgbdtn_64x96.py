# Built-in scenes: rendered when they are asked for, nothing to download.
modalities = [
    dict(name='rgb', mean=[142.0, 135.0, 129.0], std=[41.0, 39.0, 47.0]),
    dict(
        name='depth',
        channels=1,
        mean=[3.26],
        std=[1.26],
        interpolation='nearest',
    ),
    dict(name='thermal', channels=1, mean=[22.2], std=[3.4]),
    dict(name='nir', channels=1, mean=[0.306], std=[0.138]),
]
classes = (
    'wall',
    'floor',
    'ceiling',
    'heater',
    'red_cabinet',
    'blue_cabinet',
    'bookshelf',
    'poster',
    'person',
    'mannequin',
    'plant',
    'artificial_plant',
)
# Named, so that networks of fewer sensors are scored on the same classes.
dataset = dict(
    type='SceneDataset',
    modalities=modalities,
    metainfo=dict(classes=classes),
    size=(64, 96),
    cache=True,
)
train_pipeline = [
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='PackModalities'),
]
test_pipeline = [dict(type='PackModalities')]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(num_scenes=480, pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        start=100000, num_scenes=160, pipeline=test_pipeline, **dataset
    ),
)
test_cfg = dict(type='CombinationTestLoop')
test_evaluator = dict(type='CombinationIoUMetric')
# Scenes that neither training nor testing sees; all sensors and each alone,
# 5 combinations of 15.
val_dataloader = dict(
    test_dataloader,
    dataset=dict(test_dataloader['dataset'], start=50000, num_scenes=48),
)
val_cfg = dict(
    type='CombinationValLoop',
    present=['full', *(m['name'] for m in modalities)],
)
val_evaluator = test_evaluator
