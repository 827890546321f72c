"""The converter of CMX's weights on the command line."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmseg_missing.models import CMX, SegFormerMLPHead

TOOL = Path(__file__).parents[2] / 'tools/model_converters/cmx2mmseg.py'
DIMS = (16, 32, 40, 64)


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(content, *options):
        src, dst = tmp_path / 'src.pth', tmp_path / 'dst.pth'
        torch.save(content, src)
        argv = [TOOL.name, str(src), str(dst), *options]
        monkeypatch.setattr(sys, 'argv', argv)
        runpy.run_path(str(TOOL), run_name='__main__')
        return torch.load(dst, weights_only=True)['state_dict']

    return run


@pytest.fixture
def published(golden_dir):
    with np.load(golden_dir / 'cmx_tiny.npz') as file:
        return {
            name.removeprefix('sd/'): torch.from_numpy(file[name])
            for name in file
            if name.startswith('sd/')
        }


@pytest.mark.parametrize('options', [[], ['--rgb']])
def test_authors_checkpoint_loads(run, published, options):
    network = torch.nn.ModuleDict(
        {
            'backbone': CMX(embed_dims=DIMS, depths=(1, 2, 2, 1)),
            'decode_head': SegFormerMLPHead(DIMS, 32, num_classes=7),
        }
    )
    network.load_state_dict(run({'model': published, 'epoch': 3}, *options))
    stem = published['backbone.extra_patch_embed1.proj.weight']
    torch.testing.assert_close(
        network['backbone'].streams[1].stages[0].embed.proj.weight,
        torch.nn.Parameter(stem.flip(1) if options else stem),
    )


@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, {}, [1]])
def test_other_checkpoint_is_one_sentence(run, capsys, tmp_path, content):
    with pytest.raises(SystemExit) as end:
        run(content)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'dst.pth').exists()
