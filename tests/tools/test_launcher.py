"""Two processes train and score what one does (on a CPU, over gloo)."""

import json
import os
import subprocess
import sys

import pytest
import torch

from mmseg_missing.adapters import read_adapter
from mmseg_missing.engine.checkpoints import read_state
from mmseg_missing.evaluation import Report


@pytest.fixture(scope='module')
def run_two(folder, tools):
    """Return a function that runs a tool in two processes."""
    # Where there is a GPU, MMEngine would want two of them.
    hidden = {'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
    torchrun = [sys.executable, '-m', 'torch.distributed.run']
    torchrun += ['--standalone', '--nproc_per_node=2']

    def run(tool, *arguments):
        subprocess.run(
            [*torchrun, tools / tool, *arguments, '--launcher', 'pytorch'],
            cwd=folder,
            env={**os.environ, **hidden},
            check=True,
        )

    return run


@pytest.mark.slow
def test_adaptation_counts_the_samples_of_both(run_two, trained, folder):
    run_two('train.py', trained.adapted_config, '--work-dir', 'two')
    metadata, rows = read_adapter(folder / 'two/adapter.safetensors')
    # One iteration of two samples each: four combinations, once each.
    combinations = ['rgb+depth', 'rgb+thermal', 'depth+thermal', 'rgb']
    assert metadata['samples_seen'] == dict.fromkeys(combinations, 1)
    assert all(row.any() for row in rows.values())
    base, joined = (
        read_state(trained.base),
        read_state(folder / 'two/epoch_1.pth'),
    )
    assert all(torch.equal(joined[key], value) for key, value in base.items())


@pytest.mark.slow
def test_the_first_process_shows_what_both_lost(run_two, trained, folder):
    options = '--work-dir', 'shown', '--pictures', '3'
    run_two('train.py', trained.adapted_config, *options)
    [scalars] = (folder / 'shown').glob('*/vis_data/scalars.json')
    # Of three samples the first process has two.
    drawn = [p.name for p in scalars.parent.glob('vis_image/*.png')]
    assert sorted(drawn) == [
        'sample_0_sample_000000_1.png',
        'sample_1_sample_000002_1.png',
    ]
    lines = map(json.loads, scalars.read_text().splitlines())
    [lost] = [line for line in lines if 'loss/rgb' in line]
    assert len(lost) == 4 + 1 and lost['step'] == 1


@pytest.mark.slow
@pytest.mark.parametrize('options', [(), ('--tta',)])
def test_report_is_that_of_one_process(
    run_two, trained, score, folder, options
):
    """Three samples, so one process has more of them."""
    files = (trained.adapted_config, trained.base, '--adapter')
    one = score(*files, trained.adapter, *options)
    run_two('test.py', *files, trained.adapter, '--out', 'of_two', *options)
    text = (folder / 'of_two/report.json').read_text()
    assert Report.from_json(text) == one


def test_launcher_without_its_processes(refused, trained, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    line = refused('train.py', trained.config, '--launcher', 'pytorch')
    assert 'torchrun' in line
