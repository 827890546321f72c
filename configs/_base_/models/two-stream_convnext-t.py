# One ConvNeXt-T per modality, both from ImageNet weights; it comes with
# mmpretrain, or onedl-mmpretrain on the maintained stack.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='mmpretrain.ConvNeXt',
            arch='tiny',
            out_indices=[0, 1, 2, 3],
            drop_path_rate=0.4,
            layer_scale_init_value=1.0,
            gap_before_final_norm=False,
            init_cfg=dict(
                type='Pretrained',
                checkpoint='https://download.openmmlab.com/mmclassification/v0/convnext/downstream/'
                'convnext-tiny_3rdparty_32xb128-noema_in1k_20220301-795e9634.pth',
                prefix='backbone.',
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
