# mmseg-missing train configs/multi_stream/multi-stream_small-ssf_1xb8-20e_ms-mri-96x96.py
# Result: mIoU 72.07 (all), 67.37 (mean over the 14 missing combinations) with 10 epochs; docs/results/predicted.md
_base_ = ['multi-stream_small_1xb8-30e_ms-mri-96x96.py', '../_base_/adapt.py']
base = 'work_dirs/multi-stream_small_1xb8-30e_ms-mri-96x96/epoch_30.pth'
model = dict(adapter=dict(type='ScaleShift'))
train_cfg = dict(max_epochs=20)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
