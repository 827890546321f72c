# mmseg-missing train configs/mmsformer/mmsformer_mit-b4_1xb2-200e_pst900-rgbt-720x1280.py
# Result: not run yet
# The authors' recipe (configs/pst_rgbt.yaml of their code). They use AMP (--amp), and
# their loss is the mean over the hard pixels; here the others count as 0.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/mmsformer_b4.py',
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
