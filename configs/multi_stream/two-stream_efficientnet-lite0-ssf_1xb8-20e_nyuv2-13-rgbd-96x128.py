# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-ssf_1xb8-20e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 45.96 (RGB + depth), 34.07 (RGB), 37.42 (depth), recovered 0.90; docs/results/predicted.md
_base_ = [
    'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128/epoch_30.pth'
# A convolution and the norm behind it need one affine map, not two, and the
# six times wider expansion none: 0.7 % of the parameters instead of 2.5 %.
sites = [r'.*\.(stem|depthwise|project)\.bn', r'.*fusions.*']
model = dict(adapter=dict(type='ScaleShift', sites=sites))
train_cfg = dict(max_epochs=20)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
