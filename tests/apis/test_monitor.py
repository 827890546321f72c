"""Sensors that are judged: statistics in the file, frames, streams, scores."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_missing.adapters import read_adapter
from mmseg_missing.apis import Inferencer, init_model
from mmseg_missing.apis.fit import fit
from mmseg_missing.apis.model import load_config
from mmseg_missing.apis.monitor import choose_for
from mmseg_missing.apis.score import score
from mmseg_missing.corruptions import FAULTS, levels
from mmseg_missing.evaluation.protocols import Protocol
from mmseg_missing.monitoring import Stream, add_monitor, load_monitor

NAMES = ('rgb', 'depth', 'thermal')
CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture(scope='session')
def monitored(files, tmp_path_factory, forgetting):
    """An adapter file with clean statistics."""
    path = tmp_path_factory.mktemp('monitor') / 'adapter.safetensors'
    shutil.copy(files.adapter, path)
    with forgetting():
        cfg = load_config(
            CONFIGS / 'tiny-ssf.py',
            {'train_dataloader.dataset.num_scenes': 60},
        )
        fitted = fit(cfg, files.base, path, 'monitor', batches=30)
    assert fitted.seen == 60 and not fitted.before
    return path


@pytest.fixture
def frames(load):
    cfg = load('tiny-ssf')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    return [dataset.get_data_info(i)['modalities'] for i in range(3)]


@pytest.fixture
def segment(load, files, monitored):
    return Inferencer(load('tiny-ssf'), files.base, monitored, policy='drop')


def test_statistics_lie_beside_what_was_there(files, monitored):
    before, rows = read_adapter(files.adapter)
    after, numbers = read_adapter(monitored)
    assert after['monitor'] == {
        'quantile': 0.999,
        'images': 60,
        'stems': {
            'rgb': 'backbone.stages.0.embed.proj',
            'depth': 'backbone.extra_stages.0.embed.projs.shared',
            'thermal': 'backbone.extra_stages.0.embed.projs.shared',
        },
    }
    same = before.keys() - {'sha256'}
    assert {k: after[k] for k in same} == {k: before[k] for k in same}
    for key, row in rows.items():
        assert torch.equal(numbers[key], row)
    assert all(k.startswith('monitor.') for k in numbers.keys() - rows.keys())


def test_clean_frames_are_as_before(load, files, segment, frames):
    plain = Inferencer(load('tiny-ssf'), files.base, files.adapter)
    for frame in frames:
        np.testing.assert_array_equal(segment(frame), plain(frame))


def test_an_ill_sensor_is_as_absent(segment, frames):
    frame = frames[0]
    without = {**frame, 'depth': None}
    for depth in (
        np.full_like(frame['depth'], 2.9),
        np.full_like(frame['depth'], np.nan),
        frame['depth'] + np.random.default_rng(0).normal(0, 20, (32, 48, 1)),
    ):
        mask = segment({**frame, 'depth': depth})
        np.testing.assert_array_equal(mask, segment(without))


def test_a_stream_remembers(segment, frames):
    stream = Stream()
    frame = frames[0]
    masks = [segment(f, stream) for f in (*frames, frame)]
    assert [v.split()[0] for v in stream.verdict.words()[0].values()] == [
        'whole'
    ] * 3
    np.testing.assert_array_equal(masks[0], masks[3])
    again = segment({**frames[1], 'depth': frame['depth']}, stream)
    assert stream.verdict.words()[0]['depth'].startswith('degraded (frozen')
    assert again.shape == (32, 48)


def scored(load, files, adapter, policy, tmp_path, **options):
    cfg = load('tiny-ssf', work_dir=str(tmp_path), **options)
    cfg.launcher = 'none'
    protocol = Protocol.parse('faults', NAMES, ['dead'], [5])
    return score(cfg, files.base, adapter, protocol=protocol, policy=policy)


@pytest.fixture
def dead(monkeypatch):
    """A fault that leaves nothing but one number."""

    @levels(1, 1, 1, 1, 1, keeps_holes=False)
    def freeze(image, measured, level, generator):
        return torch.full_like(image, 2.9)

    monkeypatch.setitem(FAULTS, 'dead', freeze)


def test_scores_under_a_policy(load, files, monitored, tmp_path, dead):
    trust, drop = (
        scored(load, files, monitored, policy, tmp_path)
        for policy in ('trust', 'drop')
    )
    [clean] = {key for key in trust.rows if ' on ' not in key}
    assert trust.rows[clean] == drop.rows[clean]
    cfg = load('tiny-ssf', work_dir=str(tmp_path))
    cfg.launcher = 'none'
    absent = score(cfg, files.base, monitored, present=['rgb+thermal'])
    assert drop.rows['dead on depth'][1] == absent.miou['rgb+thermal']
    assert trust.rows['dead on depth'][1] != absent.miou['rgb+thermal']


def test_a_tolerance_is_chosen_on_training_images(
    load, files, monitored, tmp_path, dead
):
    path = tmp_path / 'adapter.safetensors'
    shutil.copy(monitored, path)
    cfg = load('tiny-ssf')
    cfg.train_dataloader.dataset.num_scenes = 64
    given = (cfg, files.base, path, ['dead'], [5])
    found = choose_for(*given, images=4)
    assert found.images == 4 and len(found.rows) > 3
    model = init_model(cfg, files.base, path)
    expected = 2.0 if found.chosen is None else found.chosen
    assert load_monitor(model, path).tolerance == expected
    with pytest.raises(ValueError, match='4 of 64 training images'):
        choose_for(*given, images=5)


def test_a_tolerance_lies_in_the_file(load, files, monitored, tmp_path):
    path = tmp_path / 'adapter.safetensors'
    shutil.copy(monitored, path)
    model = init_model(load('tiny-ssf'), files.base, path)
    monitor = load_monitor(model, path)
    assert monitor.tolerance == 2.0
    monitor.tolerance = 3.5
    add_monitor(path, monitor)
    assert load_monitor(model, path).tolerance == 3.5


def test_mistakes(load, files, monitored, tmp_path):
    cfg = load('tiny-ssf')
    with pytest.raises(ValueError, match=r"policy 'guess'; .*trust, drop"):
        Inferencer(cfg, files.base, monitored, policy='guess')
    with pytest.raises(ValueError, match='holds no clean statistics'):
        Inferencer(cfg, files.base, files.adapter, policy='drop')
    with pytest.raises(ValueError, match="'recover' needs a network that"):
        Inferencer(cfg, files.base, monitored, policy='recover')
    with pytest.raises(ValueError, match='needs an adapter file with clean'):
        Inferencer(load('tiny'), files.base, policy='drop')
    with pytest.raises(FileNotFoundError, match='no adapter file'):
        fit(load('tiny'), files.base, tmp_path / 'none', 'monitor')


def test_statistics_of_another_network(load, files, monitored):
    model = init_model(load('tiny-ssf'), files.base, files.adapter)
    assert load_monitor(model, monitored).images == 60
    with torch.no_grad():
        model.backbone.stages[0].embed.proj.weight += 1
    with pytest.raises(ValueError, match='statistics of another network'):
        load_monitor(model, monitored)
