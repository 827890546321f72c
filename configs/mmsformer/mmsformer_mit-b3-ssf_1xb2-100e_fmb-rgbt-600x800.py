# python tools/train.py configs/mmsformer/mmsformer_mit-b3-ssf_1xb2-100e_fmb-rgbt-600x800.py
# Result: not run yet
_base_ = 'mmsformer_mit-b3_1xb2-120e_fmb-rgbt-600x800.py'
base = 'work_dirs/mmsformer_mit-b3_1xb2-120e_fmb-rgbt-600x800/epoch_120.pth'
max_epochs = 100
model = dict(
    adapter=dict(type='ScaleShift'),
    sampler='round_robin',
    backbone=dict(init_cfg=None, extra_init_cfg=None),
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
