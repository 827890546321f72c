# mmseg-missing train configs/multi_stream/multi-stream_small_1xb8-30e_ms-mri-96x96.py
# Result: mIoU 72.07 (all), 27.00 (mean over the 14 missing combinations); docs/results/predicted.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/multi-stream_small.py',
    '../_base_/datasets/ms-mri_96x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[1, 1, 1, 1]),
    decode_head=dict(num_classes=3),
)
train_cfg = dict(max_epochs=30)
