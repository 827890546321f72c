# Adapters and predicted features for the network of tiny-streams.py.
_base_ = ['tiny-streams.py', '../../configs/_base_/adapt.py']
base = 'work_dirs/tiny-streams/epoch_1.pth'
model = dict(
    adapter=dict(type='ScaleShift'),
    imputer=dict(type='FeatureImputer', rank=4),
)
optim_wrapper = _base_.adapt_small.optim_wrapper
