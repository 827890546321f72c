# mmseg-missing train configs/imputer/late-fusion_small_1xb8-12e_scenes-rgbdtn-64x96.py
# Result: mIoU 87.28 (all), 63.30 (mean over the 14 missing combinations); docs/results/predicted.md
_base_ = '../multi_stream/multi-stream_small_1xb8-12e_scenes-rgbdtn-64x96.py'
# Encoders that were trained apart, one per sensor, and stay as they are; they
# meet behind their last layer, in one linear map per level: late fusion.
# Each comes from the config above, with `--modalities rgb --work-dir ...`.
apart = 'work_dirs/multi-stream_small_1xb8-12e_scenes-rgbdtn-64x96'
model = dict(
    backbone=dict(
        streams_from=[
            f'{apart}-rgb/epoch_12.pth',
            f'{apart}-depth/epoch_12.pth',
            f'{apart}-thermal/epoch_12.pth',
            f'{apart}-nir/epoch_12.pth',
        ],
        frozen_streams=True,
    )
)
# Fusion and head learn from scenes that lack sensors themselves.
absence = dict(rgb=0.3, depth=0.3, thermal=0.3, nir=0.3)
train_dataloader = dict(dataset=dict(absence=absence))
