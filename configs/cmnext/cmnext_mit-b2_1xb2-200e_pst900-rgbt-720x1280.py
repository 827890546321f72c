# mmseg-missing train configs/cmnext/cmnext_mit-b2_1xb2-200e_pst900-rgbt-720x1280.py
# Result: not run yet
# Not published: MMSFormer's recipe.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b2.py',
    '../_base_/datasets/pst900_rgbt_720x1280.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(
        num_classes=5,
        sampler=dict(
            type='OHEMPixelSampler', thresh=0.7, min_kept=720 * 1280 // 16
        ),
    ),
)
train_cfg = dict(max_epochs=200)
default_hooks = dict(checkpoint=dict(interval=10))
