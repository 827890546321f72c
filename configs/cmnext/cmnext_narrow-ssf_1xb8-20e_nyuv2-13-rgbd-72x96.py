# mmseg-missing train configs/cmnext/cmnext_narrow-ssf_1xb8-20e_nyuv2-13-rgbd-72x96.py
# Result: mIoU 36.78 (RGB + depth), 19.63 (RGB), 32.26 (depth); docs/results/nyuv2_small.md
_base_ = [
    'cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96/epoch_30.pth'
model = dict(adapter=dict(type='ScaleShift'))
train_cfg = dict(max_epochs=20)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
