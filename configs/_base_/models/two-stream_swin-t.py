# One Swin-T per modality, both from ImageNet weights.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='SwinTransformer',
            embed_dims=96,
            depths=[2, 2, 6, 2],
            num_heads=[3, 6, 12, 24],
            window_size=7,
            drop_path_rate=0.3,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/swin/'
                'swin_tiny_patch4_window7_224_20220317-1cdeb081.pth',
            ),
        ),
        fusion=dict(type='ConcatFusion'),
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[96, 192, 384, 768],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
