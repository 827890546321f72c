"""A training with numbers that are none stops and overwrites nothing."""

import math

import pytest
import torch
from mmengine.config import Config, ConfigDict

from mmseg_missing.adapters import read_adapter, save_adapter
from mmseg_missing.engine import check_numbers

ADAPTER = {'type': 'ScaleShift'}
FINITE = {'type': 'FiniteCheckHook'}


@pytest.fixture
def join(base):
    return {'type': 'AdapterCheckpointHook', 'base': base}


def spoil_loss(runner, iteration, value=math.nan):
    """Let the loss of one iteration be ``value``, the weights moving on."""
    step = runner.model.train_step

    def spoilt(*args, **kwargs):
        losses = step(*args, **kwargs)
        if runner.iter + 1 == iteration:
            losses['loss'] = torch.tensor(value)
        return losses

    runner.model.train_step = spoilt


def spoil_rows(runner, iteration):
    """Let one row be NaN after an iteration whose loss was finite."""
    step = runner.model.train_step

    def spoilt(*args, **kwargs):
        losses = step(*args, **kwargs)
        if runner.iter + 1 == iteration:
            with torch.no_grad():
                runner.model.adapters.rows.table['rgb'][0] = math.nan
        return losses

    runner.model.train_step = spoilt


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_loss_names_iteration_images_and_checkpoint(make_runner, value):
    runner = make_runner(hooks=[FINITE])
    spoil_loss(runner, 5, value)
    words = (
        rf'loss is {value} in iteration 5 of 6, images \[.*\]; the last '
        r"good checkpoint is '.*iter_3\.pth'.*optimizer\.lr"
    )
    with pytest.raises(ValueError, match=words) as raised:
        runner.train()
    assert '\n' not in str(raised.value)


def test_first_iteration(make_runner):
    runner = make_runner(hooks=[FINITE])
    spoil_loss(runner, 1)
    with pytest.raises(ValueError, match='no checkpoint was written'):
        runner.train()


def test_nothing_good_is_overwritten(make_runner, join, tmp_path):
    """The loss was still finite when the step spoilt a row."""
    make_runner(adapter=ADAPTER, hooks=[join]).train()
    files = [tmp_path / 'run' / n for n in ('adapter.safetensors',)]
    before = [file.read_bytes() for file in files]
    runner = make_runner(adapter=ADAPTER, hooks=[join, FINITE])
    spoil_rows(runner, 3)
    with pytest.raises(ValueError, match=r'rgb.* not finite after iter.* 3'):
        runner.train()
    assert [file.read_bytes() for file in files] == before


def test_mmengines_own_checkpoints(make_runner, join, tmp_path):
    """They do not ask beforehand, so the adapter file itself refuses."""
    saving = {'type': 'CheckpointHook'}
    runner = make_runner(adapter=ADAPTER, hooks=[join], saving=saving)
    spoil_rows(runner, 3)
    with pytest.raises(ValueError, match=r'adapter.*was not written'):
        runner.train()
    assert not (tmp_path / 'run' / 'adapter.safetensors').exists()
    assert not (tmp_path / 'run' / 'iter_3.pth').exists()


def test_saving_rows_that_are_no_numbers(make_runner, tmp_path):
    root = make_runner(adapter=ADAPTER).model
    root.adapters.samples_seen += 1
    path = tmp_path / 'a.safetensors'
    save_adapter(root, path)
    before = path.read_bytes()
    with torch.no_grad():
        root.adapters.rows.table['depth'][1] = math.inf
    with pytest.raises(ValueError, match='was not written'):
        save_adapter(root, path)
    assert path.read_bytes() == before
    assert read_adapter(path)


def test_best_checkpoint_is_finite(make_runner, join, tmp_path):
    best = {'save_best': 'count', 'rule': 'greater', 'save_last': False}
    runner = make_runner(
        adapter=ADAPTER, hooks=[join, FINITE], saving=best, interval=100
    )
    spoil_rows(runner, 2)
    with pytest.raises(ValueError, match='not finite'):
        runner.train()
    assert not list((tmp_path / 'run').glob('*.pth'))


def test_adapters_are_always_looked_at(make_runner, join):
    """Whatever hooks a config has beside the one that needs the base."""
    runner = make_runner(adapter=ADAPTER, hooks=[join])
    spoil_loss(runner, 2)
    with pytest.raises(ValueError, match='loss is nan in iteration 2'):
        runner.train()


def test_network_that_begins_with_nan(make_runner):
    runner = make_runner(hooks=[FINITE])
    runner._init_model_weights = lambda: None
    with torch.no_grad():
        runner.model.backbone.conv1.weight[0, 0] = math.nan
    with pytest.raises(ValueError, match=r'conv1\.weight.*before training'):
        runner.train()


def test_infinite_mask_is_no_fault(make_runner):
    runner = make_runner(hooks=[FINITE])
    mask = torch.tensor([0.0, -math.inf])
    runner.model.register_buffer('mask', mask)
    runner.train()
    assert runner.iter == runner.max_iters


def test_base_of_nan(make_runner, join, base):
    state = torch.load(base, weights_only=True)
    state['state_dict']['backbone.bn1.running_var'][0] = math.nan
    torch.save(state, base)
    with pytest.raises(ValueError, match=r'base\.pth.*running_var'):
        make_runner(adapter=ADAPTER, hooks=[join]).train()


@pytest.mark.parametrize(
    'key',
    [
        'optim_wrapper.optimizer.lr',
        'optim_wrapper.clip_grad.max_norm',
        'param_scheduler.0.eta_min',
        'model.decode_head.loss_decode.loss_weight',
        'model.sampler.rate.rgb',
        'model.stack.1.mean.0',
    ],
)
@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_numbers_of_a_config(key, value):
    cfg = ConfigDict(
        model={
            'stack': [{'name': 'rgb'}, {'name': 'depth', 'mean': [2.8]}],
            'sampler': {'type': 'bernoulli', 'rate': {'rgb': 0.5}},
            'decode_head': {'loss_decode': {'loss_weight': 1.0}},
        },
        optim_wrapper={
            'optimizer': {'lr': 0.1},
            'clip_grad': {'max_norm': 1.0, 'norm_type': math.inf},
        },
        param_scheduler=[{'eta_min': 0.0}],
    )
    cfg = Config(cfg)
    check_numbers(cfg)
    *path, last = [int(k) if k.isdecimal() else k for k in key.split('.')]
    part = cfg
    for step in path:
        part = part[step]
    part[last] = value
    with pytest.raises(ValueError, match=f'`{key}` takes a finite number'):
        check_numbers(cfg)
