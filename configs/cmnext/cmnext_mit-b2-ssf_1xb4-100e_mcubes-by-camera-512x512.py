# mmseg-missing train configs/cmnext/cmnext_mit-b2-ssf_1xb4-100e_mcubes-by-camera-512x512.py
# Result: not run yet
_base_ = 'cmnext_mit-b2-ssf_1xb4-100e_mcubes-rgb-a-d-n-512x512.py'
model = dict(stack=_base_.by_camera)
val_cfg = dict(present='every')
