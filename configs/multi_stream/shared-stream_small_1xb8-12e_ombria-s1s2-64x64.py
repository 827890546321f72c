# mmseg-missing train configs/multi_stream/shared-stream_small_1xb8-12e_ombria-s1s2-64x64.py
# Result: mIoU 71.62 (all), 61.48 (mean over the 14 missing combinations) with sampler `half`; docs/results/systems.md
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/shared-stream_small.py',
    '../_base_/datasets/ombria_s1s2_64x64.py',
    '../_base_/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(in_channels=[1, 1, 3, 3]),
    decode_head=dict(num_classes=2),
    sampler='switch',
)
train_cfg = dict(max_epochs=12)
