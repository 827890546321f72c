# python tools/train.py configs/cmnext/cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96.py
# Result: mIoU 87.69 (all), 67.03 (mean over the 7 combinations) on the base of `make demo`; README.md
_base_ = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96.py'
base = 'work_dirs/cmnext_small_1xb8-12e_scenes-rgbdt-64x96/epoch_12.pth'
max_epochs = 12
model = dict(adapter=dict(type='ScaleShift'), sampler='round_robin')
find_unused_parameters = True
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(
    optimizer=dict(lr=1e-2, weight_decay=0.0), paramwise_cfg=None
)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [
    dict(type='RandomStateHook'),
    dict(type='AdapterCheckpointHook', base=base),
    dict(type='FrozenBaseCheckHook'),
]
