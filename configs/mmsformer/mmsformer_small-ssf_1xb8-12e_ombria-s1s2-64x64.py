# python tools/train.py configs/mmsformer/mmsformer_small-ssf_1xb8-12e_ombria-s1s2-64x64.py
# Result: mIoU 79.56 (all), 63.30 (mean over the 14 missing combinations); docs/results/networks.md
_base_ = 'mmsformer_small_1xb8-12e_ombria-s1s2-64x64.py'
base = 'work_dirs/mmsformer_small_1xb8-12e_ombria-s1s2-64x64/epoch_12.pth'
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
