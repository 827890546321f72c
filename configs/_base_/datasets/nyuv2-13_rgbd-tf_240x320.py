# Real NYUv2 at the size of its files here; else as at 96x128.
_base_ = 'nyuv2-13_rgbd-tf_96x128.py'
scale = (320, 240)
train_pipeline = [
    dict(type='LoadModalities'),
    dict(type='LoadLabel', num_classes=13),
    dict(type='RandomResizeModalities', scale=scale, ratio_range=(1.0, 1.5)),
    dict(type='RandomCropModalities', crop_size=scale[::-1]),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='PackModalities'),
]
test_pipeline = [
    dict(type='LoadModalities'),
    dict(type='ResizeModalities', scale=scale),
    dict(type='LoadLabel', num_classes=13),
    dict(type='PackModalities'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
