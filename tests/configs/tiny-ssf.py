# Adapters for the network of tiny.py.
_base_ = 'tiny.py'
base = 'work_dirs/tiny/epoch_1.pth'
adapter = dict(type='ScaleShift', rows='table')
model = dict(adapter=adapter, sampler='round_robin')
find_unused_parameters = True
optim_wrapper = dict(optimizer=dict(lr=1e-2, weight_decay=0.0))
custom_hooks = [
    dict(type='RandomStateHook'),
    dict(type='AdapterCheckpointHook', base=base),
    dict(type='FrozenBaseCheckHook'),
]
