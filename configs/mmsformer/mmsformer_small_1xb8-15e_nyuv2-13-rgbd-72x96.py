# mmseg-missing train configs/mmsformer/mmsformer_small_1xb8-15e_nyuv2-13-rgbd-72x96.py
# Result: not run yet
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/mmsformer_small.py',
    '../_base_/datasets/nyuv2-13_rgbd_72x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=13),
)
train_cfg = dict(max_epochs=15)
