# mmseg-missing train configs/multi_stream/early-fusion_mit-b0-ssf_1xb4-100e_nyuv2-40-rgbd-480x640.py
# Result: not run yet
_base_ = [
    'early-fusion_mit-b0_1xb4-500e_nyuv2-40-rgbd-480x640.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/early-fusion_mit-b0_1xb4-500e_nyuv2-40-rgbd-480x640/epoch_500.pth'
model = dict(
    adapter=dict(type='ScaleShift'),
    backbone=dict(backbone=dict(init_cfg=None)),
)
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
