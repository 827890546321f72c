# python tools/train.py configs/cmx/cmx_small-ssf_1xb8-10e_nyuv2-13-rgbd-72x96.py
# Result: mIoU 33.82 (RGB + depth), 15.10 (RGB), 29.26 (depth); docs/results/networks.md
_base_ = 'cmx_small_1xb8-15e_nyuv2-13-rgbd-72x96.py'
base = 'work_dirs/cmx_small_1xb8-15e_nyuv2-13-rgbd-72x96/epoch_15.pth'
max_epochs = 10
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
