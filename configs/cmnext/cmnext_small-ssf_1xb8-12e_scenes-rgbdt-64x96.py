# mmseg-missing train configs/cmnext/cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96.py
# Result: mIoU 87.63 (all), 63.48 (mean over the 6 missing combinations), recovered 0.89 on the base of `make demo`; docs/results/predicted.md
_base_ = ['cmnext_small_1xb8-12e_scenes-rgbdt-64x96.py', '../_base_/adapt.py']
base = 'work_dirs/cmnext_small_1xb8-12e_scenes-rgbdt-64x96/epoch_12.pth'
model = dict(adapter=dict(type='ScaleShift'))
train_cfg = dict(max_epochs=12)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
