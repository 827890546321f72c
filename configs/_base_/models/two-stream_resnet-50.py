# One ResNet-50 per modality, both from ImageNet weights.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='ResNetV1c',
            depth=50,
            norm_cfg=dict(type='BN'),
            init_cfg=dict(
                type='Pretrained', checkpoint='open-mmlab://resnet50_v1c'
            ),
        ),
        fusion=dict(type='ConcatFusion'),
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[256, 512, 1024, 2048],
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
