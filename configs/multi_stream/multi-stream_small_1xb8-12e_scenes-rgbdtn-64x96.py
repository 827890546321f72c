# mmseg-missing train configs/multi_stream/multi-stream_small_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: mIoU 89.80 (all), 38.68 (mean over the 14 missing combinations); docs/results/predicted.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/multi-stream_small.py',
    '../_base_/datasets/scenes_rgbdtn_64x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[3, 1, 1, 1]),
    decode_head=dict(num_classes=12),
)
train_cfg = dict(max_epochs=12)
