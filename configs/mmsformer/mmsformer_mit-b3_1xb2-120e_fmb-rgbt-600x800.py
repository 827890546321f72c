# mmseg-missing train configs/mmsformer/mmsformer_mit-b3_1xb2-120e_fmb-rgbt-600x800.py
# Result: not run yet
# The authors' recipe (configs/fmb_rgbt.yaml of their code). They use AMP (--amp), and
# their loss is the mean over the hard pixels; here the others count as 0.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/mmsformer_b3.py',
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
