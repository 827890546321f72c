# One MobileNetV2 per modality, both from ImageNet weights:
# python tools/model_converters/mobilenetv2_tv2mmseg.py SRC data/mobilenet_v2_imagenet.pth
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MultiStreamBackbone',
        backbone=dict(
            type='MobileNetV2',
            out_indices=(1, 2, 4, 6),
            norm_cfg=dict(type='BN', eps=1e-3),
            init_cfg=dict(
                type='Pretrained', checkpoint='data/mobilenet_v2_imagenet.pth'
            ),
        ),
        fusion=dict(type='ConcatFusion'),
    ),
    decode_head=dict(
        type='SegFormerMLPHead',
        in_channels=[24, 32, 96, 320],
        in_index=[0, 1, 2, 3],
        channels=128,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
