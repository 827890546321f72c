# mmseg-missing train configs/cmx/cmx_small_1xb8-15e_nyuv2-13-rgbd-72x96.py
# Result: mIoU 33.82 (RGB + depth), 4.25 (RGB), 19.85 (depth); docs/results/networks.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmx_small.py',
    '../_base_/datasets/nyuv2-13_rgbd_72x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=13),
)
train_cfg = dict(max_epochs=15)
