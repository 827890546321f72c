"""What a training shows while it runs, read back from where it lies."""

import json
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from mmseg_missing.apis.train import train
from mmseg_missing.startup.showing import Show

COMBINATIONS = (
    *('rgb+depth+thermal', 'rgb+depth', 'rgb+thermal', 'depth+thermal'),
    *('rgb', 'depth', 'thermal'),
)
SHEETS = ('sample_0_sample_000000', 'sample_2_sample_000002')


@VISBACKENDS.register_module()
class RememberingBackend(BaseVisBackend):
    """What any backend is given."""

    def __init__(self, save_dir):
        super().__init__(save_dir)
        self.images, self.scalars = [], []

    def _init_env(self):
        raise AssertionError('nobody needs an experiment')

    @property
    def experiment(self):
        return self

    def add_image(self, name, image, step=0, **kwargs):
        assert image.dtype == np.uint8 and image.shape[2] == 3
        self.images.append((name, step, image))

    def add_scalar(self, name, value, step=0, **kwargs):
        self.add_scalars({name: value}, step)

    def add_scalars(self, scalar_dict, step=0, file_path=None, **kwargs):
        assert 'step' not in scalar_dict  # TensorBoard refuses it
        self.scalars += [(k, step, float(v)) for k, v in scalar_dict.items()]

    def steps_of(self, name):
        return [step for key, step, _ in self.scalars if key == name]


@pytest.fixture
def watched(load, tmp_path, forgetting, monkeypatch):
    """Return a function that trains, and gives what a backend was given."""
    for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
        monkeypatch.setattr(
            f'{place}.FormatCode', lambda t, **_: (t, True), raising=False
        )

    def watched(show, name='tiny', resume=False, **options):
        cfg = load(name, **options)
        cfg.work_dir, cfg.launcher = str(tmp_path / 'work'), 'none'
        cfg.resume = resume
        show.apply(cfg)
        backend = {'type': 'RememberingBackend'}
        cfg.visualizer.vis_backends = [*cfg.visualizer.vis_backends, backend]
        with forgetting():
            runner = train(cfg)
            return runner.visualizer.get_backend('RememberingBackend')

    return watched


def local(tmp_path):
    """Return the folder of the local backend."""
    [folder] = (tmp_path / 'work').glob('*/vis_data')
    return folder


def test_pictures_losses_and_scores(watched, tmp_path):
    given = watched(Show(pictures=2), model__sampler='uniform')
    assert [name for name, *_ in given.images] == [*SHEETS]
    assert {step for _, step, _ in given.images} == {2}
    for name in COMBINATIONS:
        assert given.steps_of(f'mIoU/{name}') == [2]
    losses = {k: v for k, _, v in given.scalars if k.startswith('loss/')}
    assert losses and losses.keys() <= {f'loss/{n}' for n in COMBINATIONS}
    assert all(0 < value < 100 for value in losses.values())
    lines = (local(tmp_path) / 'scalars.json').read_text().splitlines()
    on_disk = {
        k: v for line in map(json.loads, lines) for k, v in line.items()
    }
    assert losses.items() <= on_disk.items() and 'mIoU/rgb' in on_disk
    for name, step, sheet in given.images:
        file = local(tmp_path) / f'vis_image/{name}_{step}.png'
        assert (cv2.imread(str(file))[..., ::-1] == sheet).all()


def test_a_loss_is_the_mean_of_its_steps(watched, load):
    """Of complete samples alone it is the loss that MMEngine records."""
    given = watched(
        Show(pictures=1),
        model__sampler='full',
        default_hooks__logger__interval=1,
        log_processor__window_size=1,
    )
    steps = [v for k, _, v in given.scalars if k == 'decode.loss_ce']
    [mean] = [v for k, _, v in given.scalars if k.startswith('loss/')]
    assert len(steps) == 2 and steps[0] != steps[1]
    assert mean == pytest.approx(sum(steps) / 2, rel=1e-4)


def test_the_same_samples_and_later_steps_after_a_resume(watched):
    first = watched(Show(pictures=2))
    second = watched(Show(pictures=2), resume=True, train_cfg__max_epochs=2)
    assert [n for n, *_ in first.images] == [n for n, *_ in second.images]
    assert {step for _, step, _ in second.images} == {4}
    assert second.steps_of('mIoU/rgb') == [4]
    full = f'loss/{COMBINATIONS[0]}'
    assert first.steps_of(full) == [2] and second.steps_of(full) == [4]
    changed = [
        (a[2] != b[2]).any() for a, b in zip(first.images, second.images)
    ]
    assert any(changed)  # what the network gives, of the same images
    a, b = first.images[0][2], second.images[0][2]
    assert (a[:120] == b[:120]).all() and not (a == b).all()


def test_mixed_precision(watched):
    optim = 'AmpOptimWrapper'
    given = watched(Show(pictures=2), optim_wrapper__type=optim)
    assert len(given.images) == 2 and given.steps_of('mIoU/rgb') == [2]


def test_adapters_are_shown_under_what_they_learn(watched, files):
    given = watched(Show(pictures=1), 'tiny-ssf', base=str(files.base))
    learnt = {k for k, *_ in given.scalars if k.startswith('loss/')}
    assert len(learnt) == 4  # round robin, one for each sample
    assert f'loss/{COMBINATIONS[0]}' not in learnt


def test_what_mmsegmentation_draws_goes_to_the_same_backends(watched):
    hook = {'type': 'SegVisualizationHook', 'draw': True, 'interval': 1}
    given = watched(Show(pictures=1), default_hooks__visualization=hook)
    drawn = {name for name, *_ in given.images} - {*SHEETS}
    expected = {
        f'val_sample_00000{i}_{name}' for i in (0, 2) for name in COMBINATIONS
    }
    assert drawn == expected


@pytest.mark.skipif(
    find_spec('tensorboard') is None, reason='tensorboard is not installed'
)
def test_tensorboard(watched, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    given = watched(Show(pictures=2, tensorboard=True))
    found = EventAccumulator(str(local(tmp_path)), {'images': 0})
    found.Reload()
    assert set(found.Tags()['images']) == {*SHEETS}
    for name, step, sheet in given.images:
        [event] = found.Images(name)
        data = np.frombuffer(event.encoded_image_string, np.uint8)
        read = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        assert event.step == step and (read == sheet).all()
    for key, step, value in given.scalars:
        if key.startswith(('loss/', 'mIoU/')):
            [event] = found.Scalars(key)
            assert event.step == step
            assert event.value == pytest.approx(value, rel=1e-5)


@pytest.mark.skipif(
    find_spec('wandb') is None, reason='wandb is not installed'
)
def test_wandb_writes_to_the_disk(watched, tmp_path, monkeypatch):
    monkeypatch.setenv('WANDB_SILENT', 'true')
    monkeypatch.chdir(tmp_path)  # it keeps the Python files below
    given = watched(Show(pictures=2, wandb=True))
    [run] = local(tmp_path).glob('wandb/offline-run-*')
    for name, _, sheet in given.images:
        [file] = run.glob(f'files/media/images/{name}_*.png')
        assert (cv2.imread(str(file))[..., ::-1] == sheet).all()
    [record] = run.glob('*.wandb')
    content = record.read_bytes()
    for name in COMBINATIONS:
        assert f'mIoU/{name}'.encode() in content
