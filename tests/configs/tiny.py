# The smallest network and data with which every tool runs.
_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/models/cmnext_small.py',
    '../../configs/_base_/datasets/scenes_rgbdt_64x96.py',
    '../../configs/_base_/schedules/small.py',
]
widths = [8, 16, 24, 32]
size = (32, 48)
model = dict(
    stack=_base_.modalities,
    backbone=dict(
        embed_dims=widths, num_heads=(1, 2, 3, 4), in_channels=[3, 1, 1]
    ),
    decode_head=dict(in_channels=widths, channels=16, num_classes=11),
)
train_dataloader = dict(
    batch_size=2, dataset=dict(num_scenes=4, size=size, cache=False)
)
test_dataloader = dict(
    batch_size=2, dataset=dict(num_scenes=3, size=size, cache=False)
)
val_dataloader = dict(
    batch_size=2, dataset=dict(num_scenes=3, size=size, cache=False)
)
tta_pipeline = [
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='ResizeModalities', scale=(48, 32)),
                dict(type='ResizeModalities', scale=(96, 64)),
            ],
            [
                dict(type='RandomFlipModalities', prob=0.0),
                dict(type='RandomFlipModalities', prob=1.0),
            ],
            [dict(type='PackModalities')],
        ],
    ),
]
tta_model = dict(type='SegTTAModel')
train_cfg = dict(max_epochs=1)
# Longer than a run, so that a resumed one still learns.
param_scheduler = [dict(type='PolyLR', end=12, convert_to_iter_based=True)]
