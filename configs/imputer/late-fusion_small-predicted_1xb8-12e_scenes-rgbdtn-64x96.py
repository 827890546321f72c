# mmseg-missing train configs/imputer/late-fusion_small-predicted_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: mIoU 87.28 (all), 64.89 (mean over the 14 missing combinations); docs/results/predicted.md
_base_ = [
    'late-fusion_small_1xb8-12e_scenes-rgbdtn-64x96.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/late-fusion_small_1xb8-12e_scenes-rgbdtn-64x96/epoch_12.pth'
# After Kim and Kim: predicted features in front of the fusion, with a
# joint-embedding loss, and BitFit of the encoders of present sensors.
model = dict(
    backbone=dict(streams_from=None),  # the base has them
    adapter=dict(type='Bias', sites=[r'backbone\.streams\.(?!.*out_proj).*']),
    imputer=dict(
        type='FeatureImputer',
        loss=dict(invariance=0.05, variance=0.05, covariance=0.002),
    ),
)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
