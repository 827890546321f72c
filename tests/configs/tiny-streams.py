# One tiny stream per modality, which meet at their ends.
_base_ = 'tiny.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='MultiStreamBackbone',
        backbone=dict(
            type='ResNetV1c',
            depth=18,
            base_channels=8,
            num_stages=4,
            out_indices=(0, 1, 2, 3),
        ),
        in_channels=[3, 1, 1],
        fusion=dict(type='ConcatFusion'),
    ),
    decode_head=dict(in_channels=[8, 16, 32, 64]),
)
