# NYUv2 with 40 classes, RGB and HHA that is computed from Depth/ while it is
# read: no HHA/ folder is needed. tools/dataset_converters/encode_depth.py
# writes the same values to files, which is faster over many epochs.
_base_ = 'nyuv2-40_rgb-hha_480x640.py'
formats = dict(
    hha=dict(
        folder='Depth',
        suffix='.png',
        dtype='uint16',
        scale=0.001,
        encode=dict(encoding='hha', camera='nyuv2'),
    )
)
train_dataloader = dict(dataset=dict(formats=formats))
test_dataloader = dict(dataset=dict(formats=formats))
val_dataloader = dict(dataset=dict(formats=formats))
