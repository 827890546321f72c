# One MSCAN-T per modality, both from ImageNet weights.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='MSCAN',
            embed_dims=[32, 64, 160, 256],
            depths=[3, 3, 5, 2],
            drop_path_rate=0.1,
            norm_cfg=dict(type='BN'),
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/segnext/'
                'mscan_t_20230227-119e8c9f.pth',
            ),
        ),
        fusion=dict(type='ConcatFusion'),
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
