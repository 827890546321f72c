# mmseg-missing train configs/multi_stream/two-stream_efficientnet-lite0-completion_1xb8-30e_nyuv2-13-rgbd-96x128.py
# Result: mIoU 42.09 (RGB + depth), 32.74 (RGB), 34.07 (depth); docs/results/systems.md
_base_ = 'two-stream_efficientnet-lite0_1xb8-30e_nyuv2-13-rgbd-96x128.py'
# Completes what is missing, and learns that with the network; see
# docs/parts/completion.md.
model = dict(
    fill='predicted',
    completion=dict(
        type='MaskedCompletion', distribution=dict(), distillation=dict()
    ),
)
