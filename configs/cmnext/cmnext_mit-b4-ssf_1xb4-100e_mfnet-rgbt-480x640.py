# python tools/train.py configs/cmnext/cmnext_mit-b4-ssf_1xb4-100e_mfnet-rgbt-480x640.py
# Result: not run yet
_base_ = 'cmnext_mit-b4_1xb4-500e_mfnet-rgbt-480x640.py'
base = 'work_dirs/cmnext_mit-b4_1xb4-500e_mfnet-rgbt-480x640/epoch_500.pth'
max_epochs = 100
model = dict(
    adapter=dict(type='ScaleShift'),
    sampler='round_robin',
    backbone=dict(init_cfg=None),
)
find_unused_parameters = True
train_cfg = dict(max_epochs=max_epochs)
optim_wrapper = dict(optimizer=dict(weight_decay=0.0), paramwise_cfg=None)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        end=_base_.warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        begin=_base_.warmup_epochs,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [
    dict(type='RandomStateHook'),
    dict(type='AdapterCheckpointHook', base=base),
    dict(type='FrozenBaseCheckHook'),
]
