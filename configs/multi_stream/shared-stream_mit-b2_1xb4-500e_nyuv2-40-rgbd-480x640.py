# mmseg-missing train configs/multi_stream/shared-stream_mit-b2_1xb4-500e_nyuv2-40-rgbd-480x640.py
# Result: not run yet
_base_ = 'two-stream_mit-b2_1xb4-500e_nyuv2-40-rgbd-480x640.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='SharedStreamBackbone',
        backbone=_base_.model.backbone.backbone,
        in_channels=[3, 1],
    ),
    sampler='size_first',
)
find_unused_parameters = True
