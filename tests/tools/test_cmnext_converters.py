"""The converters of CMNeXt's weights on the command line."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_missing.models import CMNeXt, SegFormerMLPHead

TOOLS = Path(__file__).parents[2] / 'tools/model_converters'
SIZES = {'embed_dims': (16, 32, 40, 64), 'depths': (1, 2, 2, 1)}


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(tool, content):
        src, dst = tmp_path / 'src.pth', tmp_path / 'dst.pth'
        torch.save(content, src)
        monkeypatch.setattr(sys, 'argv', [tool, str(src), str(dst)])
        runpy.run_path(str(TOOLS / tool), run_name='__main__')
        return torch.load(dst, weights_only=True)['state_dict']

    return run


@pytest.fixture
def published(golden_dir):
    with np.load(golden_dir / 'cmnext_tiny_2modal.npz') as file:
        return {
            name.removeprefix('sd/'): torch.from_numpy(file[name])
            for name in file
            if name.startswith('sd/')
        }


@pytest.mark.parametrize('key', ['state_dict', 'model_state_dict', None])
def test_authors_checkpoint_loads(run, published, key):
    content = {key: published, 'epoch': 3} if key else published
    network = torch.nn.ModuleDict(
        {
            'backbone': CMNeXt(**SIZES),
            'decode_head': SegFormerMLPHead(
                SIZES['embed_dims'], 32, num_classes=7
            ),
        }
    )
    network.load_state_dict(run('cmnext2mmseg.py', content))
    torch.testing.assert_close(
        network['backbone'].stages[0].embed.proj.weight,
        published['backbone.patch_embed1.proj.weight'],
    )


def test_mit_loads_as_main_stream(run, published):
    own = ('backbone.patch_embed', 'backbone.block', 'backbone.norm')
    content = {n: w for n, w in published.items() if n.startswith(own)}
    network = CMNeXt(**SIZES, in_channels=[3])
    network.load_state_dict(run('mit2cmnext.py', content))
    torch.testing.assert_close(
        network.stages[3].blocks[0].ffn.fc2.weight,
        published['backbone.block4.0.mlp.fc2.weight'],
    )


@pytest.mark.parametrize('tool', ['cmnext2mmseg.py', 'mit2cmnext.py'])
@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, {}, [1]])
def test_other_checkpoint_is_one_sentence(
    run, capsys, tmp_path, tool, content
):
    with pytest.raises(SystemExit) as end:
        run(tool, content)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'dst.pth').exists()
