# mmseg-missing train configs/mmsformer/mmsformer_small-ssf_1xb8-10e_nyuv2-13-rgbd-72x96.py
# Result: not run yet
_base_ = [
    'mmsformer_small_1xb8-15e_nyuv2-13-rgbd-72x96.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/mmsformer_small_1xb8-15e_nyuv2-13-rgbd-72x96/epoch_15.pth'
model = dict(adapter=dict(type='ScaleShift'))
train_cfg = dict(max_epochs=10)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
