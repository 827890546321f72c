# One EfficientNet-Lite0 per modality, both from ImageNet weights:
# mmseg-missing convert efficientnet SRC data/efficientnet_lite0_imagenet.pth
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='EfficientNetLite',
            variant='lite0',
            init_cfg=dict(
                type='Pretrained',
                checkpoint='data/efficientnet_lite0_imagenet.pth',
            ),
        ),
        fusion=dict(type='ConcatFusion'),
    ),
    decode_head=dict(
        type='SegFormerMLPHead',
        in_channels=[24, 40, 112, 320],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
