# mmseg-missing train configs/multi_stream/multi-stream_small-completion_1xb8-30e_ms-mri-96x96.py
# Result: not run yet
_base_ = 'multi-stream_small_1xb8-30e_ms-mri-96x96.py'
# Completes what is missing, and learns that with the network; see
# docs/parts/completion.md.
model = dict(
    fill='predicted',
    completion=dict(
        type='MaskedCompletion', distribution=dict(), distillation=dict()
    ),
)
