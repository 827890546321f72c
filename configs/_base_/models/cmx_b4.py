# CMX-B4. Both streams start from the same ImageNet weights: SegFormer's
# mit_b4.pth through tools/model_converters/mit2cmnext.py. Norm of the head: the
# epsilon of the authors' evaluation; they train it with 1e-3.
model = dict(
    type='MissingModalitySegmentor',
    backbone=dict(
        type='CMX',
        variant='b4',
        drop_path_rate=0.1,
        init_cfg=dict(
            type='Pretrained', checkpoint='pretrained/cmnext_mit-b4.pth'
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
