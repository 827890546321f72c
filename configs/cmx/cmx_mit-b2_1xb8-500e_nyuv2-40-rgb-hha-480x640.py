# mmseg-missing train configs/cmx/cmx_mit-b2_1xb8-500e_nyuv2-40-rgb-hha-480x640.py
# Result: not run yet
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmx_b2.py',
    '../_base_/datasets/nyuv2-40_rgb-hha_480x640.py',
    '../_base_/schedules/published.py',
]
# The authors' recipe but for three things: they feed blue, green, red, draw
# the scale from 0.5, 0.75, ..., 1.75 and warm up from zero.
numbers = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
modalities = [dict(name='rgb', **numbers), dict(name='hha', **numbers)]
scale = (640, 480)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=40),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(0.5, 1.75)),
    dict(type='RandomCropModalities', crop_size=scale[::-1]),
    dict(type='PadModalities', size=scale[::-1]),
    dict(type='PackModalities'),
]
train_dataloader = dict(
    batch_size=8,
    dataset=dict(modalities=modalities, pipeline=train_pipeline),
)
test_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = dict(dataset=dict(modalities=modalities))
model = dict(
    stack=modalities,
    backbone=dict(in_channels=[3, 3]),
    decode_head=dict(num_classes=40),
)
train_cfg = dict(max_epochs=500)
default_hooks = dict(checkpoint=dict(interval=10))
