"""Sensors that are judged: statistics in the file, frames, streams, scores."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmseg_missing.adapters import read_adapter
from mmseg_missing.apis import Inferencer, init_model, read_array, rig
from mmseg_missing.apis.fit import fit
from mmseg_missing.apis.inputs import Frame
from mmseg_missing.apis.model import load_config
from mmseg_missing.apis.monitor import choose_for
from mmseg_missing.apis.score import score
from mmseg_missing.cli import predict as predict_verb
from mmseg_missing.corruptions import FAULTS, levels
from mmseg_missing.datasets.absence import Absence
from mmseg_missing.evaluation.batches import image_order
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
    init_default_scope('mmseg')
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


def test_the_first_image_may_lack_a_sensor(load, files, tmp_path):
    """Layers are found by the first one that has everything."""
    path = tmp_path / 'adapter.safetensors'
    shutil.copy(files.adapter, path)
    cfg = load('tiny-ssf', train_dataloader__dataset__num_scenes=40)
    data = cfg.train_dataloader.dataset
    first = image_order(40, 3)[0]
    data.absence = next(
        given
        for seed in range(99)
        if Absence(given := {'depth': 0.4, 'seed': seed}, data.modalities).of(
            data.get('start', 0) + first
        )
    )
    fitted = fit(cfg, files.base, path, 'monitor', batches=20, seed=3)
    assert 10 <= fitted.seen < 40
    assert list(read_adapter(path)[0]['monitor']['stems']) == list(NAMES)
    assert load_monitor(init_model(cfg, files.base, path), path).seed == 3


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


@pytest.fixture
def predict(files, monitored, tmp_path, monkeypatch):
    """Return a function that runs the verb with a monitor."""

    def predict(*options):
        given = [CONFIGS / 'tiny-ssf.py', files.base, '--adapter', monitored]
        argv = *given, '--out', 'o', '--monitor', *options
        predict_verb.main([str(word) for word in argv])

    monkeypatch.chdir(tmp_path)
    return predict


def write_frames(frames, ill):
    """Write files; depth is a constant in the frames that are named."""
    for name in ('rgb', 'depth'):
        Path(name).mkdir()
    for index, frame in enumerate(frames):
        depth = frame['depth']
        if index in ill:
            depth = np.full_like(depth, 2.9)
        cv2.imwrite(f'rgb/{index:03d}.png', frame['rgb'][..., ::-1])
        np.save(f'depth/{index:03d}.npy', depth)


def test_predict_says_what_was_taken_out(predict, frames, capsys):
    """Each file by itself: the third is as before the second."""
    write_frames(frames, ill=[1])
    predict('--rgb', 'rgb', '--depth', 'depth')
    said = capsys.readouterr().out
    assert 'depth was taken out of 1 of 3 frames: 001\n' in said
    assert 'rgb was' not in said
    predict('--rgb', 'rgb', '--out', 'alone')
    for name in ('000', '001', '002'):
        both = read_array(f'o/{name}.png')
        alone = read_array(f'alone/{name}.png')
        assert np.array_equal(both, alone) == (name == '001')


def test_predict_remembers_in_a_video(predict, frames, capsys, monkeypatch):
    """What was off comes back after five good frames, not at once."""
    told = []
    monkeypatch.setattr(rig, 'print_log', lambda text, **_: told.append(text))
    monkeypatch.setattr(predict_verb, 'is_video', lambda frames: True)
    write_frames([frames[i % 3] for i in range(9)], ill=[2])
    predict('--rgb', 'rgb', '--depth', 'depth')
    said = capsys.readouterr().out
    assert 'depth was taken out of 5 of 9 frames: 002 to 006' in said
    _, out, back = told  # thermal is never there
    assert out.startswith('frame 2: depth is taken out: absent (constant')
    assert back == 'frame 7: depth is back'
    for option in (['--resume'], ['--launcher', 'pytorch']):
        monkeypatch.setattr(predict_verb, 'start_processes', print)
        with pytest.raises(ValueError, match=f'leave {option[0]} out'):
            predict('--rgb', 'rgb', '--depth', 'depth', *option)


def test_a_monitor_needs_statistics(predict, files, frames):
    write_frames(frames, ill=[])
    with pytest.raises(ValueError, match='add them with'):
        predict('--rgb', 'rgb', '--adapter', files.adapter)


def test_times_that_a_sensor_was_out():
    frames = [Frame(f'{i:02d}', {}) for i in range(30)]
    out = {f.name: ['nir'] if int(f.name) % 3 == 0 else [] for f in frames}
    out['01'] = ['nir']
    [line] = predict_verb.taken_out(frames, out)
    assert line.startswith('nir was taken out of 11 of 30 frames: 00 to 01, ')
    assert line.endswith('18, 21 and 2 more times')
