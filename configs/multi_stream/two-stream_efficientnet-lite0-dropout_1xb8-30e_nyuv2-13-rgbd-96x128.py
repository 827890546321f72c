# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-dropout_1xb8-30e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 44.75 (RGB + depth), 34.46 (RGB), 36.88 (depth); docs/results/systems.md
_base_ = 'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py'
# Modality dropout: a step shows a sample one size of combination, then one of
# that size, all sensors among them.
model = dict(sampler='size_first')
