# mmseg-missing train configs/cmnext/cmnext_small_1xb8-12e_scenes-thermal-64x96.py
# Result: mIoU 57.26 in `make demo`; README.md
_base_ = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96.py'
modalities = [_base_.modalities[2]]
model = dict(stack=modalities, backbone=dict(in_channels=[1]))
train_dataloader = dict(dataset=dict(modalities=modalities))
test_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = dict(dataset=dict(modalities=modalities))
