# mmseg-missing train configs/cmnext/cmnext_small_1xb8-12e_scenes-rgbdt-64x96.py
# Result: mIoU 87.63 (all), 40.39 (mean over the 7 combinations) in `make demo`; README.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_small.py',
    '../_base_/datasets/scenes_rgbdt_64x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1, 1]),
    decode_head=dict(num_classes=11),
)
train_cfg = dict(max_epochs=12)
