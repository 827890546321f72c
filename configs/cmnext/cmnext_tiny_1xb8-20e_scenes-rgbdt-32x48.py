# mmseg-missing train configs/cmnext/cmnext_tiny_1xb8-20e_scenes-rgbdt-32x48.py
# Result: mIoU 54.90 (all), 40.92 (mean over the 6 missing combinations, repaired) adapters by `repair`; docs/parts/inference.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/cmnext_small.py',
    '../_base_/datasets/scenes_rgbdt_64x96.py',
    '../_base_/schedules/small.py',
]
# For notebooks and first tries: a minute of training on one core.
widths, size = [16, 32, 64, 96], (32, 48)
model = dict(
    stack=_base_.modalities,
    backbone=dict(
        embed_dims=widths, num_heads=(1, 2, 4, 6), in_channels=[3, 1, 1]
    ),
    decode_head=dict(in_channels=widths, channels=64, num_classes=11),
)
train_dataloader = dict(dataset=dict(size=size, num_scenes=160))
test_dataloader = dict(dataset=dict(size=size, num_scenes=64))
val_dataloader = dict(dataset=dict(size=size))
optim_wrapper = dict(optimizer=dict(lr=2e-3))
train_cfg = dict(max_epochs=20)
