# mmseg-missing train configs/multi_stream/shared-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 42.63 (RGB + depth), 35.69 (RGB), 36.66 (depth) with sampler `half`; docs/results/systems.md
_base_ = 'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='SharedStreamBackbone',
        backbone=_base_.model.backbone.backbone,
        in_channels=[3, 1],
    ),
    sampler='switch',
)
