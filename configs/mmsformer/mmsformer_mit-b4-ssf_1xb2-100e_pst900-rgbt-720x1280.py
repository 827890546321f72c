# mmseg-missing train configs/mmsformer/mmsformer_mit-b4-ssf_1xb2-100e_pst900-rgbt-720x1280.py
# Result: not run yet
_base_ = [
    'mmsformer_mit-b4_1xb2-200e_pst900-rgbt-720x1280.py',
    '../_base_/adapt.py',
]
base = (
    'work_dirs/mmsformer_mit-b4_1xb2-200e_pst900-rgbt-720x1280/epoch_200.pth'
)
model = dict(
    adapter=dict(type='ScaleShift'),
    backbone=dict(init_cfg=None, extra_init_cfg=None),
)
train_cfg = dict(max_epochs=100)
optim_wrapper = _base_.adapt.optim_wrapper
