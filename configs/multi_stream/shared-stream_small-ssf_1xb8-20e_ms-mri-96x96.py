# mmseg-missing train configs/multi_stream/shared-stream_small-ssf_1xb8-20e_ms-mri-96x96.py
# Result: not run yet
_base_ = ['shared-stream_small_1xb8-30e_ms-mri-96x96.py', '../_base_/adapt.py']
base = 'work_dirs/shared-stream_small_1xb8-30e_ms-mri-96x96/epoch_30.pth'
# Rows of all combinations learn, not of single sensors only.
model = dict(adapter=dict(type='ScaleShift'), sampler='round_robin')
train_cfg = dict(max_epochs=20)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
