# mmseg-missing train configs/cmx/cmx_mit-b2_1xb8-500e_mfnet-rgbt-480x640.py
# Result: not run yet
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmx_b2.py',
    '../_base_/datasets/mfnet_rgbt_480x640.py',
    '../_base_/schedules/published.py',
]
# The authors' recipe (appendix A of arXiv:2203.04838) but for what the config
# for NYUv2 says. Thermal: the mean over red, green and blue of the numbers that
# theirs is normalised with.
thermal = dict(name='thermal', channels=1, mean=[114.5], std=[57.6])
modalities = [_base_.modalities[0], thermal]
scale = (640, 480)
crop_size = (480, 640)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=9),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(0.5, 1.75)),
    dict(type='RandomCropModalities', crop_size=crop_size),
    dict(type='PadModalities', size=crop_size),
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
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=9),
)
train_cfg = dict(max_epochs=500)
default_hooks = dict(checkpoint=dict(interval=10))
