"""Training validates at will, on images that it does not train on."""

import pytest

from mmseg_missing.adapters import read_adapter

BEGIN = 'train_cfg.val_begin=1'
BEST = 'default_hooks.checkpoint.save_best=mIoU_missing'
# Training has scenes 0 to 3.
SHARED = 'val_dataloader.dataset.start=2'


@pytest.fixture
def train(run, tmp_path):
    """Return a function that gives the files of a run with options."""

    def train(config, *options):
        arguments = config, '--work-dir', tmp_path, '--cfg-options', *options
        run('train.py', *arguments)
        return {path.name for path in tmp_path.iterdir()}

    return train


@pytest.mark.parametrize('kind', ['config', 'adapted_config'])
def test_the_best_checkpoint_is_kept(train, trained, tmp_path, kind):
    config = getattr(trained, kind)
    files = train(config, BEGIN, BEST, "val_cfg.present=['rgb','depth']")
    assert 'best_mIoU_missing_epoch_1.pth' in files
    if kind == 'adapted_config':
        said, _ = read_adapter(tmp_path / 'adapter.safetensors')
        assert {'mIoU/rgb', 'mIoU/depth'} <= set(said['results'])


def test_a_validation_that_never_begins_is_not_built(train, trained):
    files = train(trained.config, 'val_dataloader.dataset.num_scenes=-1')
    assert 'epoch_1.pth' in files
    assert not any(name.startswith('best') for name in files)


def test_a_hook_that_waits_for_no_validation(refused, trained, tmp_path):
    options = '--work-dir', tmp_path, '--cfg-options', BEST
    line = refused('train.py', trained.config, *options)
    assert 'AtomicCheckpointHook waits' in line
    assert '`train_cfg.val_begin=1`' in line


def test_what_is_trained_on_chooses_nothing(refused, trained, tmp_path):
    options = '--work-dir', tmp_path, '--cfg-options', BEGIN, BEST, SHARED
    line = refused('train.py', trained.config, *options)
    assert '2 images of `val_dataloader` are trained on' in line
    assert '`train_dataloader.dataset.split=train`' in line


def test_what_is_trained_on_may_be_watched(train, trained, capfd):
    assert 'epoch_1.pth' in train(trained.config, BEGIN, SHARED)
    said = capfd.readouterr()
    assert 'are trained on' in said.out + said.err
