# mmseg-missing train configs/multi_stream/two-stream_mobilenet-v2_1xb8-30e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 44.95 (RGB + depth), 11.68 (RGB), 17.71 (depth); docs/results/nyuv2_small.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/two-stream_mobilenet-v2.py',
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
