"""The converters of CMNeXt's weights on the command line."""

import pytest
import torch

from mmseg_missing.models import CMNeXt, SegFormerMLPHead

SIZES = {'embed_dims': (16, 32, 40, 64), 'depths': (1, 2, 2, 1)}


@pytest.fixture
def published(golden_weights):
    return golden_weights('cmnext_tiny_2modal')


@pytest.mark.parametrize('key', ['state_dict', 'model_state_dict', None])
def test_authors_checkpoint_loads(convert, published, key):
    content = {key: published, 'epoch': 3} if key else published
    network = torch.nn.ModuleDict(
        {
            'backbone': CMNeXt(**SIZES),
            'decode_head': SegFormerMLPHead(
                SIZES['embed_dims'], 32, num_classes=7
            ),
        }
    )
    network.load_state_dict(convert('cmnext2mmseg.py', content))
    torch.testing.assert_close(
        network['backbone'].stages[0].embed.proj.weight,
        published['backbone.patch_embed1.proj.weight'],
    )


def test_mit_loads_as_main_stream(convert, published):
    own = ('backbone.patch_embed', 'backbone.block', 'backbone.norm')
    content = {n: w for n, w in published.items() if n.startswith(own)}
    network = CMNeXt(**SIZES, in_channels=[3])
    network.load_state_dict(convert('mit2cmnext.py', content))
    torch.testing.assert_close(
        network.stages[3].blocks[0].ffn.fc2.weight,
        published['backbone.block4.0.mlp.fc2.weight'],
    )


@pytest.mark.parametrize('tool', ['cmnext2mmseg.py', 'mit2cmnext.py'])
@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, {}, [1]])
def test_other_checkpoint_is_one_sentence(
    convert, capsys, tmp_path, tool, content
):
    with pytest.raises(SystemExit) as end:
        convert(tool, content)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'dst.pth').exists()
