# mmseg-missing train configs/multi_stream/token-exchange_mit-b2_1xb4-500e_nyuv2-40-rgbd-480x640.py
# Result: not run yet
_base_ = 'two-stream_mit-b2_1xb4-500e_nyuv2-40-rgbd-480x640.py'
model = dict(backbone=dict(fusion=dict(type='TokenExchangeFusion')))
