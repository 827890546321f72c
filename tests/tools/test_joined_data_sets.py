"""Data sets that `ConcatDataset` and `RepeatDataset` join, in all tools."""

import json

import numpy as np
import pytest
import torch

from mmseg_missing.apis import Inferencer


@pytest.fixture(scope='module')
def joined(configs):
    return configs / 'tiny-joined.py'


def test_training_is_the_same(run, configs, joined, tmp_path):
    states = []
    for config in (configs / 'tiny.py', joined):
        work = tmp_path / config.stem
        run('train.py', config, '--work-dir', work)
        saved = torch.load(work / 'epoch_1.pth', weights_only=False)
        states.append(saved['state_dict'])
    for key, value in states[0].items():
        assert torch.equal(states[1][key], value), key


@pytest.mark.parametrize('options', [(), ('--tta', '--present', 'rgb')])
def test_scores_are_the_same(score, trained, joined, options):
    plain = score(trained.config, trained.base, *options)
    report = score(joined, trained.base, *options)
    assert report.combinations == plain.combinations
    assert report.split == (
        'scenes 100000 to 100001, seed 0+scenes 100002 to 100002, seed 0'
    )


def test_protocols(run, trained, joined, folder):
    rows = []
    for number, config in enumerate((trained.config, joined)):
        out = folder / f'joined_{number}'
        run(
            'test.py', config, trained.base, '--out', out, '--protocol',
            'faults', '--faults', 'fog', '--severities', 3,
        )  # fmt: skip
        rows.append(json.loads((out / 'faults.json').read_text())['rows'])
    plain, found = rows
    assert list(found) == list(plain)
    clean = found['rgb+depth+thermal'][0]
    assert clean == plain['rgb+depth+thermal'][0]
    # The third image is the first of its part, and its draws are that one's.
    assert found['fog on rgb'][1] != clean


def test_one_frame(trained, joined):
    frame = {'rgb': np.full((32, 48, 3), 130, np.uint8)}
    masks = [
        Inferencer(config, trained.base)(frame)
        for config in (trained.config, joined)
    ]
    assert np.array_equal(*masks)


def test_other_classes_are_refused(refused, trained, joined):
    names = ['wall', 'floor', 'ceiling']
    parts = [
        f'test_dataloader.dataset.datasets.{i}.metainfo.classes={names}'
        for i in range(2)
    ]
    line = refused('test.py', joined, trained.base, '--cfg-options', *parts)
    assert '11 classes' in line


def test_an_empty_pipeline_is_refused(refused, trained, joined):
    key = 'train_dataloader.dataset.datasets.1.dataset.pipeline'
    line = refused('train.py', joined, '--cfg-options', f'{key}=[]')
    assert '`train_dataloader.dataset.pipeline` is empty' in line


def test_analysis(run, trained, joined, folder):
    out = folder / 'joined_analysis'
    run(
        'analyze_modalities.py', joined, trained.base, '--images', 2,
        '--batches', 1, '--split', 'train', '--out', out,
    )  # fmt: skip
    assert any(out.iterdir())


def test_check_and_browse(run, joined, folder, capsys):
    run('check_dataset.py', joined, '--split', 'train')
    run('browse_dataset.py', joined, '--out', folder / 'sheet.png')
    assert '4 of 4 samples' in capsys.readouterr().out
