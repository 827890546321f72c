# What configs of adapters share, beside the sibling that trained their base.
# A row that nobody drew has no gradient, which several processes must know.
find_unused_parameters = True
custom_hooks = [
    dict(type='FrozenBaseCheckHook'),
    # Joins the config's `base` (tools/train.py --base FILE) and the adapters.
    dict(type='AdapterCheckpointHook'),
]
# Adapters start at the identity and stay free of weight decay. Learning rate
# and schedule are the sibling's, as in arXiv:2310.03986, ...
adapt = dict(
    optim_wrapper=dict(optimizer=dict(weight_decay=0.0), paramwise_cfg=None)
)
# ... but for small networks, which take more and no warm-up. What predicts
# absent sensors has weights of its own and learns at 3e-3.
adapt_small = dict(
    optim_wrapper=dict(
        optimizer=dict(lr=1e-2, weight_decay=0.0),
        paramwise_cfg=dict(
            _delete_=True,
            custom_keys={'predictors': dict(lr_mult=0.3)},
        ),
    ),
    param_scheduler=[
        dict(
            type='PolyLR',
            power=0.9,
            eta_min=0.0,
            convert_to_iter_based=True,
        ),
    ],
)
