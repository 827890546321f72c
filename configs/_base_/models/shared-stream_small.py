# One MiT for all modalities with the widths of B0 and one block per level, for
# minutes on a CPU. Stem and norms are each modality's own.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='SharedStreamBackbone',
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=32,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 5, 8],
            drop_path_rate=0.0,
        ),
    ),
    decode_head=dict(
        type='SegFormerMLPHead',
        in_channels=[32, 64, 160, 256],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.0,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
