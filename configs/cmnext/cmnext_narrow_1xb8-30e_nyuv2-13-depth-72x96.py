# mmseg-missing train configs/cmnext/cmnext_narrow_1xb8-30e_nyuv2-13-depth-72x96.py
# Result: mIoU 30.24; docs/results/nyuv2_small.md
_base_ = 'cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96.py'
modalities = [_base_.modalities[1]]
model = dict(stack=modalities, backbone=dict(in_channels=[1]))
train_dataloader = dict(dataset=dict(modalities=modalities))
test_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = dict(dataset=dict(modalities=modalities))
