"""What modalities are worth and where to adapt, from the command line."""

import json

import pytest

from mmseg_missing.adapters import read_adapter

TOOL = 'analyze_modalities.py'
NO_VAL = ('--cfg-options', 'val_dataloader=None')
SMALL = ('--images', 2, '--batch-size', 2, '--batches', 1)


@pytest.fixture(scope='module')
def out(run, trained, tmp_path_factory):
    out = tmp_path_factory.mktemp('analysis')
    files = trained.config, trained.base, '--adapter', trained.adapter
    run(TOOL, *files, '--out', out, *SMALL, '--controls', 1)
    return out


@pytest.fixture(scope='module')
def found(out):
    return json.loads((out / 'analysis.json').read_text())


def test_importance_of_both_networks(found):
    assert set(found['importance']) == {'base', 'adapted'}
    for network in found['importance'].values():
        assert {'mIoU', '-NLL', 'IoU/wall'} <= set(network)
        for game in network.values():
            assert len(game['values']) == 8
            total = game['values']['rgb+depth+thermal'] - game['values']['']
            assert sum(game['shapley'].values()) == pytest.approx(total)
            assert len(game['interactions']) == 3
    # Adapters leave the full combination as it is.
    full, one = (
        [n['-NLL']['values'][who] for n in found['importance'].values()]
        for who in ('rgb+depth+thermal', 'rgb')
    )
    assert full[0] == full[1] and one[0] != one[1]


def test_drift_and_sensitivity_of_every_site(found):
    sites = {row['name'] for row in found['sites']}
    assert len(sites) > 100
    for network in ('base', 'adapted'):
        assert len(found['drift'][network]) == 6
    for part in (found['drift']['base'], found['sensitivity']):
        for by_site in part.values():
            assert set(by_site) == sites


def test_charts(out):
    names = ['shapley', 'drift', 'drift_adapted', 'sites']
    for name in names:
        assert (out / f'{name}.png').stat().st_size > 10_000


def test_sites_are_what_training_takes(out, found, run, trained, tmp_path):
    sites = json.loads((out / 'sites.json').read_text())['sites']
    assert len(sites) == round(0.25 * len(found['sites']))
    random = json.loads((out / 'sites_random0.json').read_text())['sites']
    assert len(random) == len(sites) and random != sites

    work = tmp_path / 'work'
    option = f'model.adapter.sites={out / "sites.json"}'
    options = ('--work-dir', work, '--cfg-options', option)
    run('train.py', trained.adapted_config, *options)

    metadata, _ = read_adapter(work / 'adapter.safetensors')
    assert [name for name, *_ in metadata['sites']] == sites


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        (['--budget', '0'], '--budget'),
        (['--present', 'full'], 'misses a part of rgb+depth+thermal'),
        (['--split', 'val', *NO_VAL], 'no `val_dataloader`'),
        (['--sites', 'nowhere'], "'nowhere' matched no"),
    ],
)
def test_mistakes(refused, trained, tmp_path, options, word):
    files = trained.config, trained.base, '--out', tmp_path
    assert word in refused(TOOL, *files, *SMALL, *options)
