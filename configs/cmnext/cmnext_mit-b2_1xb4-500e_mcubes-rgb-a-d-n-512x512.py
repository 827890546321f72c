# mmseg-missing train configs/cmnext/cmnext_mit-b2_1xb4-500e_mcubes-rgb-a-d-n-512x512.py
# Result: not run yet
# The authors' recipe (configs/mcubes_rgbadn.yaml of their code). They train
# with this batch on each of four GPUs, and their loss is the mean over the hard
# pixels; here the others count as 0.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b2.py',
    '../_base_/datasets/mcubes_rgb-a-d-n_512x512.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 2, 1, 1]),
    decode_head=dict(
        num_classes=20,
        sampler=dict(
            type='OHEMPixelSampler', thresh=0.7, min_kept=512 * 512 // 16
        ),
    ),
)
train_cfg = dict(max_epochs=500)
default_hooks = dict(checkpoint=dict(interval=10))
