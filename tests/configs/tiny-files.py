# The network of tiny.py on files, as tests write them: float depth in npy.
_base_ = 'tiny.py'
modalities = [
    dict(name='rgb', mean=[127.0], std=[60.0]),
    dict(name='depth', channels=1, mean=[5.0], std=[3.0]),
]
frames = dict(
    type='NYUv2Dataset',
    data_root='frames',
    modalities=modalities,
    formats=dict(depth=dict(suffix='.npy', dtype='float32', scale=1.0)),
    pipeline=[
        dict(type='LoadModalities'),
        dict(type='LoadLabel', num_classes=40),
        dict(type='PackModalities'),
    ],
)
model = dict(
    stack=modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=40),
)
train_dataloader = dict(dataset=dict(_delete_=True, **frames))
test_dataloader = dict(dataset=dict(_delete_=True, split='test', **frames))
