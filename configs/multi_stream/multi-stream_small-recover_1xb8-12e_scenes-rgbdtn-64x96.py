# mmseg-missing train configs/multi_stream/multi-stream_small-recover_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: not run yet
_base_ = 'multi-stream_small-ssf_1xb8-12e_scenes-rgbdtn-64x96.py'
# Half of the samples have an ill sensor, and know which: the generator sees
# and repairs it, and there is a row for it.
model = dict(
    fill='predicted',
    generator=dict(type='ConvGenerator', recovers=True),
    adapter=dict(rows=dict(type='additive', degraded=True)),
    degrade=dict(rate=0.5),
)
