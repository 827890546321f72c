"""A repair from a base's config and checkpoint alone."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmseg_missing.adapters import read_adapter
from mmseg_missing.apis import repair, stages
from mmseg_missing.apis.placing import fitting
from mmseg_missing.apis.repair import plan_repair
from mmseg_missing.apis.verdict import repair_rows, verdict
from mmseg_missing.engine import locked
from mmseg_missing.engine.hooks import ProgressBarHook
from mmseg_missing.evaluation import CombinationScores, Report

TINY = Path(__file__).parents[1] / 'configs/tiny.py'


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """MMEngine formats a config more often than a tiny run takes."""
    for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
        monkeypatch.setattr(
            f'{place}.FormatCode',
            lambda text, **_: (text, True),
            raising=False,
        )
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def repaired(files, tmp_path):
    return repair(TINY, files.base, tmp_path / 'work', epochs=2)


def test_files_and_scores(repaired, files, tmp_path):
    work = tmp_path / 'work'
    for name in ('tiny-repaired.py', 'adapter.safetensors', 'chart.png'):
        assert (work / name).stat().st_size > 0
    assert repaired.adapter == work / 'adapter.safetensors'
    metadata, _ = read_adapter(repaired.adapter)
    assert len(metadata['combinations']) == 6
    assert set(repaired.before.miou) == set(repaired.after.miou)
    full = 'rgb+depth+thermal'
    assert repaired.before.miou[full] == repaired.after.miou[full]
    assert repaired.before.miou['rgb'] != repaired.after.miou['rgb']
    lines = (work / 'table.md').read_text().splitlines()
    assert lines[2] == '| present | base | repaired | gain | won back |'
    assert len(lines) == 2 + 2 + 7 + 2
    assert 'fill zero, then predicted,' in lines[0]
    assert f'{repaired.after.mean:.2f}' in (work / 'table.txt').read_text()
    assert 'One run of 2 epochs' in repaired.summary
    derived = Config.fromfile(str(repaired.config))
    assert derived.base == str(files.base)
    assert derived.model.adapter == {'type': 'ScaleShift'}
    assert derived.model.fill == 'predicted'
    assert derived.train_cfg.max_epochs == 2
    page = (work / 'report.html').read_text()
    for words in ('Scores of every combination', 'Calibration', '2 epochs'):
        assert words in page
    assert page.count('data:image/png') >= 6  # two parts of the failures
    assert 'Loss of each combination over the training' in page
    settings = json.loads((work / 'setting.json').read_text())['facts']
    assert settings['checkpoint'] == str(files.base)
    assert repaired.before.ece.keys() == repaired.after.ece.keys() != set()


def test_the_log_has_no_line_per_frozen_parameter(files, tmp_path):
    repair(TINY, files.base, tmp_path / 'work', quiet=False, epochs=1)
    [path] = (tmp_path / 'work/train').glob('*/*.log')
    log = path.read_text()
    assert 'adapters: ' in log and 'requires_grad=False' not in log


def test_what_is_finished_is_kept(repaired, files, tmp_path, monkeypatch):
    def never(*args, **options):
        raise AssertionError('it ran again')

    monkeypatch.setattr(stages, 'score', never)
    monkeypatch.setattr(stages, 'train', never)
    again = repair(TINY, files.base, tmp_path / 'work', epochs=2)
    assert again == repaired


def test_a_stopped_repair_goes_on_exactly(repaired, files, monkeypatch):
    advance = ProgressBarHook.after_train_iter

    def stop(self, runner, *args, **options):
        advance(self, runner, *args, **options)
        if runner.iter == 2:  # the third step, the first of epoch 2
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBarHook, 'after_train_iter', stop)
    with pytest.raises(KeyboardInterrupt):
        repair(TINY, files.base, 'stopped', epochs=2)
    seen = []

    def watch(self, runner, *args, **options):
        seen.append(runner.iter)
        advance(self, runner, *args, **options)

    monkeypatch.setattr(ProgressBarHook, 'after_train_iter', watch)
    resumed = repair(TINY, files.base, 'stopped', epochs=2)
    assert seen == [2, 3]
    _, rows = read_adapter(repaired.adapter)
    _, own = read_adapter(resumed.adapter)
    assert rows and set(rows) == set(own)
    for name, row in rows.items():
        assert torch.equal(row, own[name]), name


def test_a_start_from_an_adapter_file(repaired, files, tmp_path):
    """At a rate of 0 the rows stay those of the file."""
    warm = repair(
        *(TINY, files.base, tmp_path / 'warm'),
        epochs=1,
        init=repaired.adapter,
        options={'optim_wrapper.optimizer.lr': 1e-30},
    )
    _, before = read_adapter(repaired.adapter)
    _, after = read_adapter(warm.adapter)
    for name, row in before.items():
        assert row.any()
        torch.testing.assert_close(after[name], row)
    content = repaired.adapter.read_bytes()
    repaired.adapter.write_bytes(content + b'x')
    with pytest.raises(ValueError, match='another training'):
        repair(
            *(TINY, files.base, tmp_path / 'warm'),
            epochs=1,
            init=repaired.adapter,
            options={'optim_wrapper.optimizer.lr': 1e-30},
        )


def test_another_repair_is_not_overwritten(repaired, files, tmp_path):
    work = tmp_path / 'work'
    before = (work / 'adapter.safetensors').read_bytes()
    text = repaired.config.read_text()
    with pytest.raises(ValueError, match=r'max_epochs. differs.*--fresh'):
        repair(TINY, files.base, work, epochs=1)
    other = tmp_path / 'other.pth'
    found = torch.load(files.base)
    found['state_dict']['decode_head.conv_seg.bias'] += 1
    torch.save(found, other)
    with pytest.raises(ValueError, match='another training'):
        repair(TINY, other, work, epochs=2)
    assert (work / 'adapter.safetensors').read_bytes() == before
    assert repaired.config.read_text() == text
    fresh = repair(TINY, files.base, work, epochs=1, fresh=True)
    assert fresh.epochs == '1 epoch'
    assert (work / 'adapter.safetensors').read_bytes() != before


def test_a_copied_base_is_the_same(repaired, files, tmp_path, monkeypatch):
    """What counts is what a file holds, not when it was written."""
    monkeypatch.setattr(stages, 'train', None)
    content = files.base.read_bytes()
    files.base.write_bytes(content)
    again = repair(TINY, files.base, tmp_path / 'work', epochs=2)
    assert again.after == repaired.after


def test_some_combinations_within_a_budget(files, tmp_path):
    repaired = repair(
        *(TINY, files.base, tmp_path / 'work'),
        combinations=['depth', 'rgb'],
        budget=0.005,
        epochs=1,
        fill='zero',
        options={'randomness.seed': 3},
    )
    assert set(repaired.after.miou) == {'rgb+depth+thermal', 'rgb', 'depth'}
    metadata, rows = read_adapter(repaired.adapter)
    assert set(rows) == {'rgb', 'depth'}
    sites = json.loads((tmp_path / 'work/places/sites.json').read_text())
    assert [name for name, *_ in metadata['sites']] == sites['sites']
    parameters = sum(
        v.numel()
        for k, v in torch.load(files.base)['state_dict'].items()
        if not k.endswith(('running_mean', 'running_var', 'tracked'))
    )
    width = len(rows['rgb'])
    assert 0.8 * 0.005 * parameters < width <= 0.005 * parameters
    assert Config.fromfile(str(repaired.config)).randomness.seed == 3


def test_a_budget_for_everything_needs_no_places(files, tmp_path):
    plan = plan_repair(TINY, files.base, tmp_path / 'work', budget=0.5)
    assert plan.room is None
    fill = {'fill': 'zero'}
    plan = plan_repair(
        TINY, files.base, tmp_path / 'work', budget=0.01, **fill
    )
    assert plan.room == 1830
    assert '1,830 numbers at most' in dict(plan.facts())['budget']
    assert not (tmp_path / 'work').exists()


def test_a_budget_is_also_for_what_predicts(files):
    shared = plan_repair(TINY, files.base).bank.num_parameters
    shared -= plan_repair(TINY, files.base, fill='zero').bank.num_parameters
    assert shared > 0
    plan = plan_repair(TINY, files.base, budget=0.02)
    bare = plan_repair(TINY, files.base, budget=0.02, fill='zero')
    assert plan.room == bare.room - shared
    with pytest.raises(ValueError, match=f'{shared:,} numbers that predict'):
        plan_repair(TINY, files.base, budget=0.001)


def test_a_budget_is_of_scale_and_shift(files):
    options = {'model.adapter.type': 'LowRank'}
    assert plan_repair(TINY, files.base, options=options)
    with pytest.raises(ValueError, match='counts the numbers of ScaleShift'):
        plan_repair(TINY, files.base, budget=0.01, options=options)


def test_best_places_that_fit():
    assert fitting([3.0, 1.0, 2.0, 0.0], [4, 1, 4, 1], 9) == [0, 1, 2]
    assert fitting([3.0, 1.0, 2.0], [4, 1, 4], 7) == [0, 1]
    assert fitting([3.0], [4], 3) == []


def test_plan_in_words(files, tmp_path):
    plan = plan_repair(TINY, files.base, teacher=True, rows='hyper')
    said = dict(plan.facts())
    assert said['training'] == '12 epochs at a learning rate of 0.03'
    assert said['learnt'].startswith('6 combinations: rgb+depth, rgb+thermal')
    assert 'work_dirs/tiny-repaired/adapter.safetensors' in said['writes']
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        ({'train_dataloader': None}, 'has no `train_dataloader`'),
        ({'test_dataloader': None}, 'has no `test_dataloader`'),
        ({'test_cfg.type': 'TestLoop'}, 'CombinationTestLoop'),
        ({'optim_wrapper.optimizer.lr': float('nan')}, 'finite'),
    ],
)
def test_configs_that_cannot_be_repaired(files, tmp_path, options, word):
    with pytest.raises(ValueError, match=word):
        plan_repair(TINY, files.base, options=options)


def write(path, text):
    path.write_text(f'_base_ = {str(TINY)!r}\n{text}')
    return path


def test_a_config_without_training_data(files, tmp_path):
    path = write(tmp_path / 'test_only.py', 'train_dataloader = None\n')
    with pytest.raises(ValueError, match='has no `train_dataloader`'):
        plan_repair(path, files.base)


def test_one_sensor_has_nothing_to_repair(files, tmp_path):
    one = write(
        tmp_path / 'one.py',
        'model = dict(stack=_base_.modalities[:1])\n',
    )
    with pytest.raises(ValueError, match=r'nothing to repair.*rgb, and'):
        plan_repair(one, files.base)
    joined = write(
        tmp_path / 'joined.py',
        "stack = [dict(m, sensor='camera') for m in _base_.modalities]\n"
        'model = dict(stack=stack)\n',
    )
    with pytest.raises(ValueError, match='nothing to repair'):
        plan_repair(joined, files.base)


@pytest.mark.parametrize(
    ('file', 'word'),
    [
        ('joined', 'holds adapters'),
        ('folded', 'is folded for one combination'),
        ('adapter', 'is an adapter file'),
    ],
)
def test_checkpoints_that_are_no_base(files, file, word):
    with pytest.raises(ValueError, match=word):
        plan_repair(TINY, getattr(files, file))


def test_combinations_that_miss_nothing(files):
    with pytest.raises(ValueError, match='names nothing that misses'):
        plan_repair(TINY, files.base, combinations=['rgb+depth+thermal'])


def test_adapters_are_not_adapted(files):
    with pytest.raises(ValueError, match='has adapters already'):
        plan_repair(TINY.with_name('tiny-ssf.py'), files.base)


def test_a_running_repair_is_left_alone(files, tmp_path):
    with (
        locked(tmp_path / 'work'),
        pytest.raises(ValueError, match='another training'),
    ):
        shutil.copy(files.base, tmp_path / 'base.pth')
        repair(TINY, tmp_path / 'base.pth', tmp_path / 'work', epochs=1)


def report(**miou):
    scores = [
        CombinationScores(
            name.replace('_', '+'),
            3,
            {'mmseg': value, 'cmnext': value},
            {'mmseg': 1.0, 'cmnext': 1.0},
            11.0,
            (value,),
        )
        for name, value in miou.items()
    ]
    return Report(
        ('rgb', 'depth'), ('a',), 'mmseg', 'zero', 'test', (), tuple(scores)
    )


def test_verdict():
    before = report(rgb_depth=80.0, rgb=40.0, depth=20.0)
    after = report(rgb_depth=80.0, rgb=39.0, depth=60.0)
    assert repair_rows(before, after)[1:] == [
        ['rgb+depth', '80.00', '80.00', '+0.00', ''],
        ['rgb', '40.00', '39.00', '-1.00', '-0.03'],  # of 40 points
        ['depth', '20.00', '60.00', '+40.00', '0.67'],  # of 60
        ['mean of 2 incomplete', '30.00', '49.50', '+19.50', '0.39'],
        ['mean of 3', '46.67', '59.67', '+13.00', ''],
    ]
    said = verdict(before, after)
    assert 'has 80.00 mIoU, as before' in said
    assert 'from 30.00 to 49.50' in said
    assert 'worst was depth with 20.00 and has 60.00 now' in said
    assert 'made rgb (40.00 to 39.00) worse' in said
    assert 'worse' not in verdict(before, before)
