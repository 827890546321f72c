# python tools/train.py configs/cmnext/cmnext_narrow-ssf_1xb8-20e_nyuv2-13-rgbd-72x96.py
# Result: mIoU 36.78 (RGB + depth), 19.63 (RGB), 32.26 (depth); docs/results/nyuv2_small.md
_base_ = 'cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96.py'
base = 'work_dirs/cmnext_narrow_1xb8-30e_nyuv2-13-rgbd-72x96/epoch_30.pth'
max_epochs = 20
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
