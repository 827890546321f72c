# mmseg-missing train configs/cmnext/cmnext_mit-b2_1xb2-200e_deliver-rgb-d-e-l-1024x1024.py
# Result: not run yet
# The authors' recipe (configs/deliver_rgbdel.yaml of their code). They train
# with this batch on each of four GPUs, and their loss is the mean over the hard
# pixels; here the others count as 0.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_b2.py',
    '../_base_/datasets/deliver_rgb-d-e-l_1024x1024.py',
    '../_base_/schedules/published.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 3, 3, 3]),
    decode_head=dict(
        num_classes=25,
        sampler=dict(
            type='OHEMPixelSampler', thresh=0.7, min_kept=1024 * 1024 // 16
        ),
    ),
)
train_cfg = dict(max_epochs=200)
default_hooks = dict(checkpoint=dict(interval=10))
