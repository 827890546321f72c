# The recipe of CMNeXt (its code, configs/nyu_rgbd.yaml and
# configs/deliver_rgbdel.yaml), MMSFormer (configs/pst_rgbt.yaml; with 1e-4
# configs/fmb_rgbt.yaml) and CMX (appendix A of arXiv:2203.04838). The weight
# decay leaves out what has one dimension, as CMNeXt's optimizer does.
# A config adds `train_cfg.max_epochs`: PolyLR without `end` ends there.
# Validation begins when asked for, see docs/model_zoo.md.
train_cfg = dict(type='EpochBasedTrainLoop', val_begin=10**9)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=6e-5, weight_decay=0.01, eps=1e-8),
    paramwise_cfg=dict(flat_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        begin=0,
        end=10,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        begin=10,
        convert_to_iter_based=True,
    ),
]
