# mmseg-missing train configs/multi_stream/multi-stream_small-completion_1xb8-30e_ms-mri-96x96.py
# Result: mIoU 65.33 (all), 65.18 (mean over the 14 missing combinations); docs/results/systems.md
_base_ = 'multi-stream_small_1xb8-30e_ms-mri-96x96.py'
# Completes what is missing, and learns that with the network; see
# docs/parts/completion.md.
model = dict(
    fill='predicted',
    completion=dict(
        type='MaskedCompletion', distribution=dict(), distillation=dict()
    ),
)
