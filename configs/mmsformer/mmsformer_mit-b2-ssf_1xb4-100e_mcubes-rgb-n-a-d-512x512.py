# mmseg-missing train configs/mmsformer/mmsformer_mit-b2-ssf_1xb4-100e_mcubes-rgb-n-a-d-512x512.py
# Result: not run yet
_base_ = [
    'mmsformer_mit-b2_1xb4-500e_mcubes-rgb-n-a-d-512x512.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/mmsformer_mit-b2_1xb4-500e_mcubes-rgb-n-a-d-512x512/epoch_500.pth'
model = dict(
    adapter=dict(type='ScaleShift'),
    backbone=dict(init_cfg=None, extra_init_cfg=None),
)
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
