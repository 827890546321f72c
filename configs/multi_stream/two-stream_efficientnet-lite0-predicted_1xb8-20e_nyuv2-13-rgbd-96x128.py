# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-predicted_1xb8-20e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 45.96 (RGB + depth), 34.80 (RGB), 38.08 (depth), recovered 0.94; docs/results/predicted.md
_base_ = 'two-stream_efficientnet-lite0-ssf_1xb8-20e_nyuv2-13-rgbd-96x128.py'
# What two convolutions make of the sensors that are there, shared by all
# combinations: less than 0.04 % of the parameters.
model = dict(fill='predicted', generator='conv')
