# mmseg-missing train configs/cmnext/cmnext_mit-b4-ssf_1xb4-100e_mfnet-rgbt-480x640.py
# Result: not run yet
_base_ = [
    'cmnext_mit-b4_1xb4-500e_mfnet-rgbt-480x640.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/cmnext_mit-b4_1xb4-500e_mfnet-rgbt-480x640/epoch_500.pth'
model = dict(adapter=dict(type='ScaleShift'), backbone=dict(init_cfg=None))
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
