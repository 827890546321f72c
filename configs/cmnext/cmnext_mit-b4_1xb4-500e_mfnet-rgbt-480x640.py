# mmseg-missing train configs/cmnext/cmnext_mit-b4_1xb4-500e_mfnet-rgbt-480x640.py
# Result: not run yet
# The authors' recipe (configs/mfnet_rgbt.yaml of their code). They train with
# this batch on each of four GPUs.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b4.py',
    '../_base_/datasets/mfnet_rgbt_480x640.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=9),
)
train_cfg = dict(max_epochs=500)
default_hooks = dict(checkpoint=dict(interval=10))
