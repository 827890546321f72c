# mmseg-missing train configs/multi_stream/multi-stream_small-recover_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: mIoU 89.80 (all), 60.77 (mean over the 14 missing combinations) with 6 epochs; docs/results/systems.md
_base_ = 'multi-stream_small-ssf_1xb8-12e_scenes-rgbdtn-64x96.py'
# Half of the samples have an ill sensor, and know which: the generator sees
# and repairs it, and there is a row for it.
model = dict(
    fill='predicted',
    generator=dict(type='ConvGenerator', recovers=True),
    adapter=dict(rows=dict(type='additive', degraded=True)),
    degrade=dict(rate=0.5),
)
