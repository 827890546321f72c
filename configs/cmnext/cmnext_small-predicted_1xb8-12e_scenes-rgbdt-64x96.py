# mmseg-missing train configs/cmnext/cmnext_small-predicted_1xb8-12e_scenes-rgbdt-64x96.py
# Result: mIoU 87.63 (all), 64.67 (mean over the 6 missing combinations), recovered 0.93; docs/results/predicted.md
_base_ = 'cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96.py'
# What two convolutions make of the sensors that are there, shared by all
# combinations: less than 0.04 % of the parameters.
model = dict(fill='predicted', generator='conv')
