# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-hybrid_1xb8-20e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 45.96 (RGB + depth), 35.00 (RGB), 38.50 (depth), recovered 0.96; docs/results/predicted.md
_base_ = (
    'two-stream_efficientnet-lite0-imputer_1xb8-20e_nyuv2-13-rgbd-96x128.py'
)
# Beside scale, shift and predicted features a low-rank change of the weights
# of projections; with 62,792 numbers just below 1 % of the parameters.
model = dict(
    adapter=[
        dict(type='ScaleShift', sites=_base_.sites),
        dict(type='LowRank', rank=1, sites=[r'.*\.project\.conv']),
    ],
)
