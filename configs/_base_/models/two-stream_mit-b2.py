# One MiT-B2 of MMSegmentation per modality, both from ImageNet weights.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=64,
            num_layers=[3, 4, 6, 3],
            num_heads=[1, 2, 5, 8],
            drop_path_rate=0.1,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/'
                'mit_b2_20220624-66e8bf70.pth',
            ),
        ),
        fusion=dict(type='ConcatFusion'),
    ),
    decode_head=dict(
        type='SegformerHead',
        in_channels=[64, 128, 320, 512],
        in_index=[0, 1, 2, 3],
        channels=256,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
