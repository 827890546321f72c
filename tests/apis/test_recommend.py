"""Recommendations follow from what was measured, and say so."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from mmengine.fileio import load

from mmseg_missing.adapters.methods import METHODS
from mmseg_missing.adapters.rows import ROW_MODES
from mmseg_missing.apis import recommend as module
from mmseg_missing.apis.measured import against_default, kept, load_runs
from mmseg_missing.apis.recommend import recommend
from mmseg_missing.evaluation import Cost

ROOT = Path(__file__).parents[2]
TINY = ROOT / 'tests/configs/tiny.py'
COST = Cost(
    *('tiny', 0, ('rgb', 'depth', 'thermal'), 1, 1, 0, 0, 720, 400.0),
    *(0.5, 1.0, 'x', 'cpu', 1, 'x', {}),
)


def test_every_number_stands_on_its_page():
    found = load(str(ROOT / 'configs/adapters.yml'))
    assert len(found) == 6
    for name, group in found.items():
        page = (ROOT / group['page']).read_text()
        title = re.escape(group['section'])
        [start] = [
            m.start() for m in re.finditer(f'^##+ {title}$', page, re.M)
        ]
        text = page[start:]
        assert group['command'] in page, name
        for run in group['runs']:
            if name != 'nyuv2-long':  # there: means of two rows of its table
                assert f'{run["score"]:.2f}' in text, run
            assert f'{run["numbers"]:,}' in text, run
            assert str(run['seconds']) in text, run
            assert run['adapter'] in METHODS
            assert run.get('rows', 'additive') in ROW_MODES


def test_what_the_pages_say_follows():
    runs = load_runs()
    [best] = [r for r in runs if r.epochs == 60]
    assert round(best.recovered, 3) == 0.940
    [long] = [r for r in runs if r.group == 'nyuv2-long']
    assert round(long.recovered, 2) == 0.97
    parts = {
        run.group: round(kept(run, default), 2)
        for run, default in against_default(runs)
        if run.sites == 'importance'
    }
    assert parts == {
        'scenes-first': 0.94,
        'ombria-second': 1.02,
        'nyuv2-short': 0.97,
    }


@pytest.mark.parametrize(
    ('share', 'adapter', 'sites'),
    [
        (0.01, 'ScaleShift', 'all'),
        (0.005, 'Scale', 'all'),
        (0.002, 'ScaleShift', 'importance'),
        (0.0005, 'ScaleShift', 'importance'),
    ],
)
def test_what_fits(share, adapter, sites):
    found = recommend(share, 1.0, 4)
    assert (found.adapter, found.sites) == (adapter, sites)
    is_small = any('as small as' in text for text in found.unknown)
    assert is_small == (share == 0.0005)
    command = found.command()
    assert ('--budget' in command) == (sites == 'importance')
    assert ('adapter.type=Scale ' in command) == (adapter == 'Scale')


@pytest.mark.parametrize(
    ('hours', 'modalities', 'rows', 'times', 'init'),
    [
        (1.0, 4, 'hyper', 5.0, None),
        (0.14, 4, 'hyper', 3.0, None),
        (0.12, 4, 'additive', 2.0, None),
        (0.04, 4, 'additive', 0.5, 'moments'),
        (1.0, 2, 'table', 2 / 3, None),
    ],
)
def test_what_there_is_time_for(hours, modalities, rows, times, init):
    found = recommend(0.01, hours, modalities)
    assert found.rows == rows
    assert found.times == pytest.approx(times)
    assert found.init == init
    assert found.rate == (3e-2 if rows == 'hyper' else 1e-2)
    assert ('--init moments' in found.command()) == (init is not None)


def test_no_time_to_train():
    found = recommend(0.01, 0.001, 4)
    assert found.adapter is None
    assert 'fit CONFIG CHECKPOINT OUT --by moments' in found.command()
    assert '0.32' in found.reasons[0]


def test_seconds_of_ones_own_base(tmp_path):
    """720 steps of 0.5 s: five times as many of adapters are 1494 s."""
    (tmp_path / 'cost.json').write_text(COST.to_json())
    found = recommend(0.01, 1494.1 / 3600, 4, run=tmp_path)
    assert found.times == 5.0
    found = recommend(0.01, 1493.9 / 3600, 4, run=tmp_path)
    assert found.times == 3.0
    assert 'by the steps of your base' in found.reasons[0]


def test_a_config_counts_by_its_own_size(forgetting):
    """All sites of the tiny network are 5.76 % of it."""
    with forgetting():
        found = recommend(0.05, 1.0, config=TINY)
        assert (found.adapter, found.sites) == ('Scale', 'all')
        assert '5.76%' in ' '.join(found.reasons)
        assert recommend(0.06, 1.0, config=TINY).adapter == 'ScaleShift'
        assert found.epochs == 5
        assert '--epochs 5' in found.command('tiny')
        with pytest.raises(ValueError, match='has adapters already'):
            recommend(0.06, 1.0, config=TINY.with_name('tiny-ssf.py'))


def test_sites_of_an_analysis(tmp_path, forgetting, monkeypatch):
    monkeypatch.setattr(module, '_own_shares', lambda cfg: {'ScaleShift': 0.1})
    sites = [
        {'name': f'site{i}', 'numbers': 10, 'score': score}
        for i, score in enumerate([1.0, 5.0, 2.0, 2.0])
    ]
    (tmp_path / 'analysis.json').write_text(json.dumps({'sites': sites}))
    with forgetting():
        found = recommend(0.05, 1.0, config=TINY, analysis=tmp_path)
    [said] = [text for text in found.reasons if text.startswith('Sites')]
    assert '2 of 4 sites fit (20 numbers, 5.00%) and have 70%' in said
    assert 'first of all site1, site2, site3' in said
    with pytest.raises(ValueError, match='give its CONFIG'):
        recommend(0.05, 1.0, analysis=tmp_path)
    with pytest.raises(FileNotFoundError, match='analyze'):
        recommend(0.05, 1.0, config=TINY, analysis=tmp_path / 'none')


def test_numbers_that_cannot_be():
    for numbers in ((0, 1.0), (1.1, 1.0), (0.1, 0.0), (0.1, 1.0, 1)):
        with pytest.raises(ValueError, match='expected a share'):
            recommend(*numbers)


def test_three_modalities_were_not_measured():
    found = recommend(0.01, 1.0, 3)
    assert any(text.startswith('3 modalities') for text in found.unknown)
    assert asdict(found)['rows'] == 'hyper'


def test_config_lines_are_a_config(tmp_path):
    from mmengine.config import Config

    found = recommend(0.002, 0.04, 4)
    found.epochs = 6
    path = tmp_path / 'lines.py'
    path.write_text(found.config_lines())
    cfg = Config.fromfile(str(path))
    assert cfg.model.adapter.rows == 'additive'
    assert cfg.custom_hooks[0].init == 'moments'
    assert cfg.train_cfg.max_epochs == 6
