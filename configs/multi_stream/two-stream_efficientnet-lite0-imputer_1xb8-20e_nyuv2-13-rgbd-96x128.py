# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-imputer_1xb8-20e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 45.96 (RGB + depth), 34.36 (RGB), 38.33 (depth), recovered 0.94; docs/results/predicted.md
_base_ = 'two-stream_efficientnet-lite0-ssf_1xb8-20e_nyuv2-13-rgbd-96x128.py'
# Predicted features, paid for by the wide layers of the last two stages: in
# all fewer numbers than scale and shift alone. Absent streams do not run.
sites = [
    r'.*\.(stem|project)\.bn',
    r'.*stages\.[0-4]\.\d\.depthwise\.bn',
    r'.*fusions.*',
]
model = dict(
    adapter=dict(sites=sites),
    imputer=dict(type='FeatureImputer', rank=8),
)
