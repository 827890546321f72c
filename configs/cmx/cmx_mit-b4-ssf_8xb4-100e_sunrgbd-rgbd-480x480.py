# mmseg-missing train configs/cmx/cmx_mit-b4-ssf_8xb4-100e_sunrgbd-rgbd-480x480.py
# Result: not run yet
_base_ = ['cmx_mit-b4_8xb4-250e_sunrgbd-rgbd-480x480.py', '../_base_/adapt.py']
base = 'work_dirs/cmx_mit-b4_8xb4-250e_sunrgbd-rgbd-480x480/epoch_250.pth'
model = dict(adapter=dict(type='ScaleShift'), backbone=dict(init_cfg=None))
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
