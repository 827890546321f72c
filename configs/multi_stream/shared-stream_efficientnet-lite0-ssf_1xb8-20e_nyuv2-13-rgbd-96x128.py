# mmseg-missing train configs/multi_stream/shared-stream_efficientnet-lite0-ssf_1xb8-20e_nyuv2-13-rgbd-96x128.py
# Result: not run yet
_base_ = [
    'shared-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/shared-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128/epoch_30.pth'
# A convolution and the norm behind it need one affine map, not two, and the
# six times wider expansion none. Each modality has norms of its own.
sites = [r'.*\.(stem|depthwise|project)\.bn\.\d']
# Rows of all combinations learn, not of single sensors only.
model = dict(
    adapter=dict(type='ScaleShift', sites=sites), sampler='round_robin'
)
train_cfg = dict(max_epochs=20)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
