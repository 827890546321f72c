# mmseg-missing train configs/cmx/cmx_mit-b4_8xb4-250e_sunrgbd-rgbd-480x480.py
# Result: not run yet
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmx_b4.py',
    '../_base_/datasets/sunrgbd_rgbd_480x640.py',
    '../_base_/schedules/published.py',
]
# The authors' recipe (appendix A of arXiv:2203.04838) but for what the config
# for NYUv2 says; they encode depth as HHA. Eight GPUs: under torchrun with
# --launcher pytorch.
scale = (640, 480)
crop_size = (480, 480)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=37),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(0.5, 1.75)),
    dict(type='RandomCropModalities', crop_size=crop_size),
    dict(type='PadModalities', size=crop_size),
    dict(type='PackModalities'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=37),
)
train_cfg = dict(max_epochs=250)
default_hooks = dict(checkpoint=dict(interval=10))
