# CMNeXt with the widths of B0: 10 M parameters with two modalities.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='CMNeXt',
        embed_dims=(32, 64, 160, 256),
        depths=(2, 2, 2, 2),
        drop_path_rate=0.1,
    ),
    decode_head=dict(
        type='SegFormerMLPHead',
        in_channels=[32, 64, 160, 256],
        in_index=[0, 1, 2, 3],
        channels=256,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
