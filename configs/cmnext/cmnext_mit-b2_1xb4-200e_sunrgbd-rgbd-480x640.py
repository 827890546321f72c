# mmseg-missing train configs/cmnext/cmnext_mit-b2_1xb4-200e_sunrgbd-rgbd-480x640.py
# Result: not run yet
# Not published: CMNeXt's recipe for NYUDv2 with the epochs of CMX-B2.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b2.py',
    '../_base_/datasets/sunrgbd_rgbd_480x640.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=37),
)
train_cfg = dict(max_epochs=200)
default_hooks = dict(checkpoint=dict(interval=10))
