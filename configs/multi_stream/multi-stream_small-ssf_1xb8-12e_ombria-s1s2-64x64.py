# mmseg-missing train configs/multi_stream/multi-stream_small-ssf_1xb8-12e_ombria-s1s2-64x64.py
# Result: mIoU 80.18 (all), 63.72 (mean over the 14 missing combinations) with 8 epochs; docs/results/predicted.md
_base_ = [
    'multi-stream_small_1xb8-12e_ombria-s1s2-64x64.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/multi-stream_small_1xb8-12e_ombria-s1s2-64x64/epoch_12.pth'
model = dict(adapter=dict(type='ScaleShift'))
train_cfg = dict(max_epochs=12)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
