# For small networks, minutes on a CPU. A config adds `train_cfg.max_epochs`:
# PolyLR without `end` ends there.
# Validation begins when asked for, see docs/model_zoo.md.
train_cfg = dict(type='EpochBasedTrainLoop', val_begin=10**9)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        begin=1,
        convert_to_iter_based=True,
    ),
]
