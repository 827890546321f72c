# mmseg-missing train configs/multi_stream/shared-stream_small_1xb8-30e_ms-mri-96x96.py
# Result: mIoU 65.47 (all), 65.26 (mean over the 14 missing combinations) with sampler `half`; docs/results/systems.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/shared-stream_small.py',
    '../_base_/datasets/ms-mri_96x96.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[1, 1, 1, 1]),
    decode_head=dict(num_classes=3),
    sampler='switch',
)
train_cfg = dict(max_epochs=30)
