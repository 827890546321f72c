# mmseg-missing train configs/multi_stream/multi-stream_small-dropout_1xb8-30e_ms-mri-96x96.py
# Result: mIoU 65.40 (all), 65.02 (mean over the 14 missing combinations); docs/results/systems.md
_base_ = 'multi-stream_small_1xb8-30e_ms-mri-96x96.py'
# Modality dropout: a step shows a sample one size of combination, then one of
# that size, all sensors among them.
model = dict(sampler='size_first')
