# mmseg-missing train configs/cmnext/cmnext_mit-b2-ssf_1xb2-100e_fmb-rgbt-600x800.py
# Result: not run yet
_base_ = ['cmnext_mit-b2_1xb2-120e_fmb-rgbt-600x800.py', '../_base_/adapt.py']
base = 'work_dirs/cmnext_mit-b2_1xb2-120e_fmb-rgbt-600x800/epoch_120.pth'
model = dict(adapter=dict(type='ScaleShift'), backbone=dict(init_cfg=None))
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
