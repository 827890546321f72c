"""The converter of CMX's weights on the command line."""

import pytest
import torch

from mmseg_missing.models import CMX, SegFormerMLPHead

DIMS = (16, 32, 40, 64)


@pytest.fixture
def published(golden_weights):
    return golden_weights('cmx_tiny')


@pytest.mark.parametrize('options', [[], ['--rgb']])
def test_authors_checkpoint_loads(convert, published, options):
    network = torch.nn.ModuleDict(
        {
            'backbone': CMX(embed_dims=DIMS, depths=(1, 2, 2, 1)),
            'decode_head': SegFormerMLPHead(DIMS, 32, num_classes=7),
        }
    )
    network.load_state_dict(
        convert('cmx2mmseg.py', {'model': published, 'epoch': 3}, *options)
    )
    stem = published['backbone.extra_patch_embed1.proj.weight']
    torch.testing.assert_close(
        network['backbone'].streams[1].stages[0].embed.proj.weight,
        torch.nn.Parameter(stem.flip(1) if options else stem),
    )


@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, {}, [1]])
def test_other_checkpoint_is_one_sentence(convert, capsys, tmp_path, content):
    with pytest.raises(SystemExit) as end:
        convert('cmx2mmseg.py', content)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'dst.pth').exists()
