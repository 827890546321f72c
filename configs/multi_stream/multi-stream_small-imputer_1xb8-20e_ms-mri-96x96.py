# mmseg-missing train configs/multi_stream/multi-stream_small-imputer_1xb8-20e_ms-mri-96x96.py
# Result: mIoU 72.07 (all), 68.23 (mean over the 14 missing combinations) with 10 epochs; docs/results/predicted.md
_base_ = 'multi-stream_small-ssf_1xb8-20e_ms-mri-96x96.py'
# Predicted features, paid for by the wide layers of the FFNs: in all fewer
# numbers than scale and shift of every layer. Absent streams do not run.
sites = [r'backbone\.(?!.*(ffn\.layers\.[01]|out_proj)).*']
model = dict(
    adapter=dict(sites=sites),
    imputer=dict(type='FeatureImputer', rank=6),
)
