# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-completion_1xb8-30e_nyuv2-13-rgbd-96x128.py
# Result: not run yet
_base_ = 'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py'
# Completes what is missing, and learns that with the network; see
# docs/parts/completion.md.
model = dict(
    fill='predicted',
    completion=dict(
        type='MaskedCompletion', distribution=dict(), distillation=dict()
    ),
)
