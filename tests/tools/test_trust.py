"""A checkpoint that holds more than data, in every tool that takes one."""

import argparse

import pytest
import torch
from torch import nn

CONVERTERS = (
    'cmnext2mmseg',
    'cmx2mmseg',
    'mit2cmnext',
    'mmsformer2mmseg',
    'mobilenetv2_tv2mmseg',
)


@pytest.fixture(scope='module')
def foreign(tmp_path_factory):
    """Weights beside what an author's script kept of its arguments."""
    path = tmp_path_factory.mktemp('foreign') / 'model.pth'
    content = {'state_dict': nn.Linear(1, 1).state_dict()}
    torch.save({**content, 'args': argparse.Namespace(lr=1)}, path)
    return path


@pytest.fixture
def commands(configs, foreign, tmp_path):
    """The command line of each tool."""
    tiny, out = configs / 'tiny.py', tmp_path / 'out'
    options = ['--work-dir', tmp_path / 'work', '--cfg-options']
    return {
        'test.py': [tiny, foreign, '--work-dir', tmp_path / 'work'],
        'train.py': [tiny, *options, f'load_from={foreign}'],
        'fit_adapter.py': [tiny, foreign, out],
        'export_adapter.py': [configs / 'tiny-ssf.py', foreign, out],
        'fold_adapter.py': [tiny, foreign, out, '--combination', 'rgb'],
        'analyze_modalities.py': [tiny, foreign, '--out', out],
        'benchmark.py': [tiny, '--checkpoint', foreign],
        **{f'model_converters/{c}.py': [foreign, out] for c in CONVERTERS},
    }


TOOLS = [
    'test.py',
    'train.py',
    'fit_adapter.py',
    'export_adapter.py',
    'fold_adapter.py',
    'analyze_modalities.py',
    'benchmark.py',
    *(f'model_converters/{name}.py' for name in CONVERTERS),
]


@pytest.mark.parametrize('tool', TOOLS)
def test_trust_is_asked_for(tool, commands, run, capsys):
    def last_words(*more):
        with pytest.raises(SystemExit):
            run(tool, *commands[tool], *more)
        return capsys.readouterr().err.strip().splitlines()[-1]

    words = last_words()
    assert 'argparse.Namespace' in words and 'give --trust' in words
    if tool != 'train.py':  # it would train
        assert 'argparse.Namespace' not in last_words('--trust')
