"""The converter on the command line."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmseg.models.backbones import MobileNetV2

TOOL = (
    Path(__file__).parents[2]
    / 'tools/model_converters/mobilenetv2_tv2mmseg.py'
)
IMAGENET = 'mobilenet_v2_1.0_imagenet_features_fp16.pth'


@pytest.fixture
def run(monkeypatch, tmp_path):
    def run(src):
        dst = tmp_path / 'converted.pth'
        monkeypatch.setattr(sys, 'argv', [str(TOOL), str(src), str(dst)])
        runpy.run_path(str(TOOL), run_name='__main__')
        return dst

    return run


def test_imagenet_weights_convert(run, weights_dir, capsys):
    if not (weights_dir / IMAGENET).is_file():
        pytest.skip(f'no ImageNet weights in {weights_dir}')
    converted = torch.load(run(weights_dir / IMAGENET), weights_only=True)
    MobileNetV2().load_state_dict(converted['state_dict'])
    assert '306 tensors; left out 6 below features.18.' in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize('content', [{'a.weight': torch.ones(2)}, None])
def test_wrong_file_is_one_sentence(run, capsys, tmp_path, content):
    src = tmp_path / 'src.pth'
    if content is not None:
        torch.save(content, src)
    with pytest.raises(SystemExit) as end:
        run(src)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ') and error.count('\n') == 1
    assert not (tmp_path / 'converted.pth').exists()
