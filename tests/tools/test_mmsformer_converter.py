"""The converter of MMSFormer's weights on the command line."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_missing.models import MMSFormer, SegFormerMLPHead

TOOL = Path(__file__).parents[2] / 'tools/model_converters/mmsformer2mmseg.py'
DIMS = (16, 32, 40, 64)


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(content):
        src, dst = tmp_path / 'src.pth', tmp_path / 'dst.pth'
        torch.save(content, src)
        monkeypatch.setattr(sys, 'argv', [TOOL.name, str(src), str(dst)])
        runpy.run_path(str(TOOL), run_name='__main__')
        return torch.load(dst, weights_only=True)['state_dict']

    return run


@pytest.fixture
def published(golden_dir):
    with np.load(golden_dir / 'mmsformer_tiny_2modal.npz') as file:
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
            'backbone': MMSFormer(
                embed_dims=DIMS, depths=(1, 2, 2, 1), extra_depths=(1, 1, 2, 1)
            ),
            'decode_head': SegFormerMLPHead(DIMS, 32, num_classes=7),
        }
    )
    network.load_state_dict(run(content))
    torch.testing.assert_close(
        network['backbone'].streams[1].stages[0].embed.proj.weight,
        published['backbone.extra_mit.0.patch_embed1.proj.weight'],
    )


@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, {}, [1]])
def test_other_checkpoint_is_one_sentence(run, capsys, tmp_path, content):
    with pytest.raises(SystemExit) as end:
        run(content)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'dst.pth').exists()
