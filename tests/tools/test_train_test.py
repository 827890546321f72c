"""The main job: train, lose sensors, adapt, score."""

import pytest
import torch

from mmseg_missing.adapters import read_adapter
from mmseg_missing.engine.checkpoints import read_state
from mmseg_missing.evaluation import write_report

EVERY = (
    'rgb+depth+thermal',
    'rgb+depth',
    'rgb+thermal',
    'depth+thermal',
    'rgb',
    'depth',
    'thermal',
)
# Two iterations of two samples go round this far.
TRAINED = ('rgb+depth', 'rgb+thermal', 'depth+thermal', 'rgb')


def scores(report):
    """Scores by combination, all numbers of them."""
    return {scores.name: scores for scores in report.combinations}


@pytest.fixture(scope='module')
def base(trained, score):
    return scores(score(trained.config, trained.base))


@pytest.fixture(scope='module')
def adapted(trained, score):
    files = (trained.adapted_config, trained.base)
    with pytest.warns(UserWarning, match="'depth' was never trained"):
        return scores(score(*files, '--adapter', trained.adapter))


def test_adaptation_leaves_the_base_alone(trained):
    base, joined = read_state(trained.base), read_state(trained.joined)
    rows = {k: v for k, v in joined.items() if k not in base}
    assert set(base) < set(joined)
    assert all(torch.equal(joined[key], value) for key, value in base.items())
    moved = {k.split('.')[-1] for k, v in rows.items() if v.any()}
    assert moved == {*TRAINED, 'samples_seen'}


def test_adapter_file_holds_the_trained_rows(trained):
    metadata, rows = read_adapter(trained.adapter)
    assert tuple(metadata['combinations']) == TRAINED
    joined = read_state(trained.joined)
    for name in rows:
        assert torch.equal(rows[name], joined[f'adapters.rows.table.{name}'])
    assert set(rows) == set(TRAINED)


def test_base_is_scored_under_every_combination(base):
    assert tuple(base) == EVERY
    assert {entry.images for entry in base.values()} == {3}
    assert base['rgb'] != base['depth']


def test_adapters_change_missing_combinations_only(base, adapted):
    changed = {name for name in EVERY if adapted[name] != base[name]}
    assert changed == set(TRAINED)


def test_adapters_are_attached_from_the_file(trained, score, adapted):
    report = score(trained.config, trained.base, '--adapter', trained.adapter)
    assert scores(report) == adapted


def test_joined_checkpoint_needs_no_file(trained, score, adapted):
    report = score(trained.adapted_config, trained.joined)
    assert scores(report) == adapted


@pytest.mark.parametrize('present', [('rgb', 'depth'), ('full',)])
def test_present(trained, score, base, present):
    report = score(trained.config, trained.base, '--present', *present)
    names = [EVERY[0] if name == 'full' else name for name in present]
    assert scores(report) == {name: base[name] for name in names}


@pytest.fixture
def derive(trained, tmp_path):
    """Return a function that writes a config with more in it."""

    def derive(text):
        path = tmp_path / 'derived.py'
        base = f'_base_ = [{str(trained.config)!r}]'
        path.write_text(f'{base}\n{text}\n')
        return path

    return derive


def test_what_was_won_back(trained, score, run, refused, tmp_path):
    before = score(trained.config, trained.base)
    work = tmp_path / 'base'
    write_report(before, work / 'test')
    files = trained.config, trained.base, '--adapter', trained.adapter
    report = score(*files, '--base', work)
    full = EVERY[0]
    lost, won = (
        sum(more[name] - before.miou[name] for name in report.miou)
        for more in (dict.fromkeys(EVERY, before.miou[full]), report.miou)
    )
    assert report.base == before.miou
    assert report.mean_won_back == (
        pytest.approx(won / lost) if lost > 0 else None
    )
    line = refused('test.py', *files, '--base', tmp_path / 'none')
    assert 'no work folder' in line
    line = refused('test.py', *files, '--base', work, '--protocol', 'NM')
    assert '--base says what was won back' in line


TWO = """
test_evaluator = [
    dict(type='IoUMetric', prefix='plain'),
    dict(type='CombinationIoUMetric'),
]
"""


def test_a_list_of_metrics(trained, derive, score, run, folder, base):
    config = derive(TWO)
    assert scores(score(config, trained.base)) == base
    run(
        'test.py', config, trained.base, '--protocol', 'NM', '--out', 'two'
    )  # fmt: skip
    assert (folder / 'two/nm.csv').is_file()
    assert not (folder / 'two/report.json').exists()


def test_no_metric_for_reports(trained, derive, refused, run):
    config = derive("test_evaluator = [dict(type='IoUMetric')]")
    line = refused('test.py', config, trained.base, '--out', 'none')
    assert "add dict(type='CombinationIoUMetric')" in line
    run('test.py', config, trained.base)  # it prints what it has


def test_loop_that_knows_no_combinations(trained, derive, refused):
    config = derive('test_cfg = dict(_delete_=True)')
    line = refused('test.py', config, trained.base)
    assert "`test_cfg.type='CombinationTestLoop'`" in line


CAMERA = """
modalities = [
    dict(m, sensor='camera') if m['name'] != 'thermal' else m
    for m in _base_.modalities
]
model = dict(stack=modalities)
"""


def test_sensors_and_all_subsets(trained, derive, score, base):
    config = derive(CAMERA)
    report = score(config, trained.base)
    names = (EVERY[0], 'rgb+depth', 'thermal')
    assert scores(report) == {name: base[name] for name in names}
    assert report.scope == 'whole sensors'
    assert set(report.expected) == {0.2, 0.1, 0.05}
    report = score(config, trained.base, '--present', 'subsets')
    assert scores(report) == base
    assert report.scope == 'all subsets'


def test_present_of_the_config(trained, derive, score, base):
    config = derive("test_cfg = dict(present='depth')")
    assert scores(score(config, trained.base)) == {'depth': base['depth']}
    report = score(config, trained.base, '--present', 'rgb')
    assert scores(report) == {'rgb': base['rgb']}


def test_fill(trained, score, base):
    report = score(trained.config, trained.base, '--fill', 'black')
    filled = scores(report)
    assert report.fill == 'black'
    assert {n for n in EVERY if filled[n] == base[n]} == {EVERY[0]}


def test_augmentation(trained, score, base):
    augmented = scores(score(trained.config, trained.base, '--tta'))
    assert tuple(augmented) == EVERY
    assert augmented[EVERY[0]] != base[EVERY[0]]


def test_interrupt_keeps_the_checkpoint_for_resume(
    run, refused, trained, folder, monkeypatch
):
    """Stopped while it saves the second epoch, a run still has the first."""
    arguments = (trained.adapted_config, '--work-dir', 'stopped')
    arguments += ('--cfg-options', 'train_cfg.max_epochs=2')
    with monkeypatch.context() as patch:
        patch.setattr(
            'mmseg_missing.engine.RandomStateHook.before_save_checkpoint',
            interrupt_second_epoch,
        )
        line = refused('train.py', *arguments)
    assert 'interrupted' in line and '--resume' in line
    checkpoint = folder / 'stopped/epoch_1.pth'
    stopped, written = read_state(checkpoint), checkpoint.stat().st_mtime_ns
    run('train.py', *arguments, '--resume')
    assert checkpoint.stat().st_mtime_ns == written
    resumed = read_state(checkpoint.with_name('epoch_2.pth'))
    for key, value in read_state(trained.joined).items():
        torch.testing.assert_close(stopped[key], value, rtol=0, atol=0)
    assert stopped['adapters.samples_seen'].tolist() == [1, 1, 1, 1, 0, 0]
    assert resumed['adapters.samples_seen'].tolist() == [2, 2, 1, 1, 1, 1]


def interrupt_second_epoch(hook, runner, checkpoint):
    if runner.epoch == 1:
        raise KeyboardInterrupt
