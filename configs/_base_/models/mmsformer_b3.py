# MMSFormer-B3, published for FMB. The streams start from ImageNet weights:
# SegFormer's mit_b3.pth (the main one) and mit_b1.pth through
# tools/model_converters/mit2cmnext.py.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='MMSFormer',
        variant='b3',
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained', checkpoint='pretrained/cmnext_mit-b3.pth'
        ),
        extra_init_cfg=dict(
            type='Pretrained', checkpoint='pretrained/cmnext_mit-b1.pth'
        ),
    ),
    decode_head=dict(
        type='SegFormerMLPHead',
        in_channels=[64, 128, 320, 512],
        in_index=[0, 1, 2, 3],
        channels=512,
        dropout_ratio=0.1,
        norm_cfg=dict(type='BN'),
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    test_cfg=dict(mode='whole'),
)
