# SegFormer-B0 of MMSegmentation, whose first convolution sees all modalities;
# it starts as the network of the RGB weights.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='EarlyFusionBackbone',
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=32,
            num_layers=[2, 2, 2, 2],
            num_heads=[1, 2, 5, 8],
            drop_path_rate=0.1,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segformer/'
                'mit_b0_20220624-7e0fe6dd.pth',
            ),
        ),
    ),
    decode_head=dict(
        type='SegformerHead',
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
