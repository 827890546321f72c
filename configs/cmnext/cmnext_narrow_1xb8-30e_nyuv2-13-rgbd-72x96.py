# mmseg-missing train configs/cmnext/cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96.py
# Result: mIoU 36.78 (RGB + depth), 5.66 (RGB), 23.25 (depth); docs/results/nyuv2_small.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_narrow.py',
    '../_base_/datasets/nyuv2-13_rgbd_72x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=13),
)
train_cfg = dict(max_epochs=30)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
