"""The converter of MMSFormer's weights on the command line."""

import pytest
import torch

from mmseg_missing.models import MMSFormer, SegFormerMLPHead

DIMS = (16, 32, 40, 64)


@pytest.fixture
def published(golden_weights):
    return golden_weights('mmsformer_tiny_2modal')


@pytest.mark.parametrize('key', ['state_dict', 'model_state_dict', None])
def test_authors_checkpoint_loads(convert, published, key):
    content = {key: published, 'epoch': 3} if key else published
    network = torch.nn.ModuleDict(
        {
            'backbone': MMSFormer(
                embed_dims=DIMS, depths=(1, 2, 2, 1), extra_depths=(1, 1, 2, 1)
            ),
            'decode_head': SegFormerMLPHead(DIMS, 32, num_classes=7),
        }
    )
    network.load_state_dict(convert('mmsformer2mmseg.py', content))
    torch.testing.assert_close(
        network['backbone'].streams[1].stages[0].embed.proj.weight,
        published['backbone.extra_mit.0.patch_embed1.proj.weight'],
    )


@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, {}, [1]])
def test_other_checkpoint_is_one_sentence(convert, capsys, tmp_path, content):
    with pytest.raises(SystemExit) as end:
        convert('mmsformer2mmseg.py', content)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'dst.pth').exists()
