# mmseg-missing train configs/multi_stream/two-stream_mobilenet-v2-ssf_1xb8-20e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 44.95 (RGB + depth), 32.56 (RGB), 37.96 (depth); docs/results/nyuv2_small.md
_base_ = [
    'two-stream_mobilenet-v2_1xb8-30e_nyuv2-13-rgbd-96x128.py',
    '../_base_/adapt.py',
]
base = 'work_dirs/two-stream_mobilenet-v2_1xb8-30e_nyuv2-13-rgbd-96x128/epoch_30.pth'
# A convolution and the norm behind it need one affine map, not two, and the
# six times wider expansion none: 0.9 % of the parameters instead of 3.2 %.
sites = [r'.*\.conv\.[12]\.bn', r'.*fusions.*']
model = dict(adapter=dict(type='ScaleShift', sites=sites))
train_cfg = dict(max_epochs=20)
optim_wrapper = _base_.adapt_small.optim_wrapper
param_scheduler = _base_.adapt_small.param_scheduler
