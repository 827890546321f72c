"""Features of absent streams on the command line: fitted, trained, folded."""

import json

import pytest
import torch

from mmseg_missing.adapters import read_adapter
from mmseg_missing.apis import init_model

KEY = 'predictors.features.levels.0.leave'


@pytest.fixture(scope='module')
def base(run, configs, folder):
    """Config and checkpoint of a network with a stream per modality."""
    config = configs / 'tiny-streams.py'
    run('train.py', config)
    return config, folder / 'work_dirs/tiny-streams/epoch_1.pth'


@pytest.fixture(scope='module')
def fitted(run, base, folder):
    """The file of a fit without training."""
    path = folder / 'ridge.safetensors'
    options = '--by', 'ridge', '--batches', 1
    run('fit_adapter.py', *base, path, *options)
    return path


@pytest.fixture(scope='module')
def imputing(run, configs, base, folder):
    """The file of a training that starts there."""
    run('train.py', configs / 'tiny-imputer.py')
    return folder / 'work_dirs/tiny-imputer/adapter.safetensors'


def test_fit_changes_what_misses_something_alone(base, fitted, score):
    present = '--present', 'full', 'rgb'
    before = score(*base, *present).combinations
    after = score(*base, '--adapter', fitted, *present).combinations
    assert before[0] == after[0]
    assert before[1] != after[1]
    metadata, tensors = read_adapter(fitted)
    assert metadata['fitted_by'] == 'ridge'
    assert metadata['predictors']['features'] == {
        'type': 'FeatureImputer',
        'rank': 8,
        'prompts': 4,
    }
    assert tensors[KEY].abs().max() > 0


def test_analyze_puts_it_to_the_test(run, base, fitted, tmp_path, capsys):
    options = '--images', 4, '--batch-size', 2, '--present', 'rgb+depth'
    files = *base, '--adapter', fitted, '--out', tmp_path
    run('analyze_modalities.py', *files, '--imputer', *options)
    found = json.loads((tmp_path / 'imputer.json').read_text())
    assert list(found['r2']) == ['rgb+depth']
    [shares] = found['r2']['rgb+depth'].values()
    assert len(shares) == 4 and max(shares) <= 1
    assert set(found['miou']['rgb+depth']) == {
        'imputed',
        'shuffled',
        'mean',
        'oracle',
    }
    assert 'thermal from rgb+depth' in capsys.readouterr().out


def test_training_starts_at_the_fit_and_moves(imputing, fitted):
    _, start = read_adapter(fitted)
    metadata, learnt = read_adapter(imputing)
    assert metadata['predictors']['features']['rank'] == 4
    assert learnt['predictors.features.fitted'] == 1
    mean = 'predictors.features.levels.0.mean'
    torch.testing.assert_close(learnt[mean], start[mean], rtol=0.5, atol=0.5)
    assert learnt[KEY].abs().max() > 0


def test_trained_file_on_the_plain_config(base, imputing, score, capsys):
    """What it predicts with is stated in the file."""
    report = score(*base, '--adapter', imputing, '--present', 'depth')
    assert report.combinations[0].name == 'depth'
    assert 'never trained' not in capsys.readouterr().err


def test_fold(run, base, imputing, folder):
    out = folder / 'folded.pth'
    options = '--adapter', imputing, '--combination', 'rgb+depth'
    run('fold_adapter.py', *base, out, *options)
    model = init_model(out.with_suffix('.py'), out)
    assert model.folded == 'rgb+depth'
    assert model.imputer.is_fitted
    unfolded = init_model(base[0], base[1], imputing)
    x = torch.randn(1, 5, 64, 96)
    sample = unfolded.stack.present('rgb+depth')
    with torch.no_grad():
        expected = unfolded.encode_decode(
            x, [{'present': sample[0], 'img_shape': (64, 96)}]
        )
        found = model.encode_decode(
            x, [{'present': sample[0], 'img_shape': (64, 96)}]
        )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_streams_that_talk_are_refused(refused, trained, tmp_path):
    files = trained.config, trained.base, tmp_path / 'o.safetensors'
    line = refused('fit_adapter.py', *files, '--by', 'ridge')
    assert 'see each other from the first level' in line
