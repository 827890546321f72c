# mmseg-missing train configs/cmnext/cmnext_mit-b2_1xb2-120e_fmb-rgbt-600x800.py
# Result: not run yet
# Not published: MMSFormer's recipe.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b2.py',
    '../_base_/datasets/fmb_rgbt_600x800.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(
        num_classes=14,
        sampler=dict(
            type='OHEMPixelSampler', thresh=0.7, min_kept=600 * 800 // 16
        ),
    ),
)
train_cfg = dict(max_epochs=120)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
default_hooks = dict(checkpoint=dict(interval=10))
