# mmseg-missing train configs/cmx/cmx_mit-b4_1xb8-500e_mfnet-rgbt-480x640.py
# Result: not run yet
_base_ = 'cmx_mit-b2_1xb8-500e_mfnet-rgbt-480x640.py'
checkpoint = 'pretrained/cmnext_mit-b4.pth'
model = dict(backbone=dict(variant='b4', init_cfg=dict(checkpoint=checkpoint)))
