# Built-in scenes: rendered when they are asked for, nothing to download.
modalities = [
    dict(name='rgb', mean=[142.0, 136.0, 131.0], std=[42.0, 39.0, 46.0]),
    dict(
        name='depth',
        channels=1,
        mean=[3.24],
        std=[1.24],
        interpolation='nearest',
    ),
    dict(name='thermal', channels=1, mean=[21.9], std=[3.4]),
]
# Without nir nothing tells an artificial plant from a real one: it is left
# out of the classes, and its pixels are ignored.
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
)
train_pipeline = [
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='PackModalities'),
]
test_pipeline = [dict(type='PackModalities')]
dataset = dict(
    type='SceneDataset',
    modalities=modalities,
    metainfo=dict(classes=classes),
    size=(64, 96),
    cache=True,
)
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
# Scenes that neither training nor testing sees.
val_dataloader = dict(
    test_dataloader,
    dataset=dict(test_dataloader['dataset'], start=50000, num_scenes=48),
)
val_cfg = dict(type='CombinationValLoop')
val_evaluator = test_evaluator
