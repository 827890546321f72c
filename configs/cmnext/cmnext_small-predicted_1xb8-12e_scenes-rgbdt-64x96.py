# mmseg-missing train configs/cmnext/cmnext_small-predicted_1xb8-12e_scenes-rgbdt-64x96.py
# Result: not run yet
_base_ = 'cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96.py'
# Predicted inputs, paid for by the wide layers: in all no more numbers than
# scale and shift of every layer.
sites = [
    r'backbone\.(?!.*(ffn\.fc1|ffn\.dwconv|attn\.kv|rectify\.\d\.channel)).*'
]
model = dict(adapter=dict(sites=sites), fill='predicted', generator='unet')
