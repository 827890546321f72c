# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgb-96x128.py
# Result: mIoU 37.32; docs/results/predicted.md
_base_ = 'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py'
modalities = [_base_.modalities[0]]
model = dict(stack=modalities, backbone=dict(in_channels=[3]))
train_dataloader = dict(dataset=dict(modalities=modalities))
test_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = dict(dataset=dict(modalities=modalities))
