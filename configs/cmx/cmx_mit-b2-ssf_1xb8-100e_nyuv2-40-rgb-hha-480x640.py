# mmseg-missing train configs/cmx/cmx_mit-b2-ssf_1xb8-100e_nyuv2-40-rgb-hha-480x640.py
# Result: not run yet
_base_ = [
    'cmx_mit-b2_1xb8-500e_nyuv2-40-rgb-hha-480x640.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/cmx_mit-b2_1xb8-500e_nyuv2-40-rgb-hha-480x640/epoch_500.pth'
model = dict(adapter=dict(type='ScaleShift'), backbone=dict(init_cfg=None))
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
