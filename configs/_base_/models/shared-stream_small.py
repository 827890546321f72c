# One MiT for all modalities with the widths of B0 and one block per level, for
# minutes on a CPU. Stem and norms are each modality's own.
_base_ = 'multi-stream_small.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='SharedStreamBackbone',
        backbone=dict(
            type='MixVisionTransformer',
            embed_dims=32,
            num_layers=[1, 1, 1, 1],
            num_heads=[1, 2, 5, 8],
            drop_path_rate=0.0,
        ),
    ),
)
