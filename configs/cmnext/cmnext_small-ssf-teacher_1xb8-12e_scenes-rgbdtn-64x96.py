# mmseg-missing train configs/cmnext/cmnext_small-ssf-teacher_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: not run yet
_base_ = ['cmnext_small_1xb8-12e_scenes-rgbdtn-64x96.py', '../_base_/adapt.py']
base = 'work_dirs/cmnext_small_1xb8-12e_scenes-rgbdtn-64x96/epoch_12.pth'
model = dict(
    adapter=dict(type='ScaleShift'),
    fill='learned',
    teacher=[dict(type='LogitKL', temperature=2.0, loss_weight=0.5)],
)
train_cfg = dict(max_epochs=12)
# Weight decay pulls rows and fill towards the base: L2-SP.
optim_wrapper = dict(
    _base_.adapt_small.optim_wrapper,
    optimizer=dict(lr=1e-2, weight_decay=1e-4),
)
param_scheduler = _base_.adapt_small.param_scheduler
