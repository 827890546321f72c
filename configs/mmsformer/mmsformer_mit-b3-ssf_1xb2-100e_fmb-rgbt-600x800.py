# mmseg-missing train configs/mmsformer/mmsformer_mit-b3-ssf_1xb2-100e_fmb-rgbt-600x800.py
# Result: not run yet
_base_ = [
    'mmsformer_mit-b3_1xb2-120e_fmb-rgbt-600x800.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/mmsformer_mit-b3_1xb2-120e_fmb-rgbt-600x800/epoch_120.pth'
model = dict(
    adapter=dict(type='ScaleShift'),
    backbone=dict(init_cfg=None, extra_init_cfg=None),
)
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
