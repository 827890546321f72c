# mmseg-missing train configs/multi_stream/multi-stream_small-predicted_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: not run yet
_base_ = 'multi-stream_small-ssf_1xb8-12e_scenes-rgbdtn-64x96.py'
# Predicted inputs and features, paid for by the wide layers of the FFNs: in
# all no more numbers than scale and shift of every layer.
sites = [r'backbone\.(?!.*(ffn\.layers\.[01]|out_proj)).*']
model = dict(
    adapter=dict(sites=sites),
    fill='predicted',
    generator='conv',
    imputer=dict(type='FeatureImputer', rank=6),
)
