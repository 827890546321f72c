# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 45.96 (RGB + depth), 14.85 (RGB), 22.20 (depth); docs/results/predicted.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/two-stream_efficientnet-lite0.py',
    '../_base_/datasets/nyuv2-13_rgbd-tf_96x128.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1]),
    decode_head=dict(num_classes=13),
)
train_cfg = dict(max_epochs=30)
optim_wrapper = dict(optimizer=dict(lr=3e-4))
