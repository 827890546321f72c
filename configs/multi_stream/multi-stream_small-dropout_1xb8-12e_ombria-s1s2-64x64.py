# mmseg-missing train configs/multi_stream/multi-stream_small-dropout_1xb8-12e_ombria-s1s2-64x64.py
# Result: mIoU 75.18 (all), 60.98 (mean over the 14 missing combinations); docs/results/systems.md
_base_ = 'multi-stream_small_1xb8-12e_ombria-s1s2-64x64.py'
# Modality dropout: a step shows a sample one size of combination, then one of
# that size, all sensors among them.
model = dict(sampler='size_first')
