# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-depth-96x128.py
# Result: mIoU 37.83; docs/results/predicted.md
_base_ = 'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py'
modalities = [_base_.modalities[1]]
model = dict(stack=modalities, backbone=dict(in_channels=[1]))
train_dataloader = dict(dataset=dict(modalities=modalities))
test_dataloader = dict(dataset=dict(modalities=modalities))
val_dataloader = dict(dataset=dict(modalities=modalities))
