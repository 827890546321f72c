# mmseg-missing train configs/cmnext/cmnext_mit-b4_1xb4-500e_nyuv2-40-rgbd-480x640.py
# Result: not run yet
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b4.py',
    '../_base_/datasets/nyuv2-40_rgbd_480x640.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=40),
)
train_cfg = dict(max_epochs=500)
default_hooks = dict(checkpoint=dict(interval=10))
