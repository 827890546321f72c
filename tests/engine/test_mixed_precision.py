"""Training under autocast, on a CPU."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmseg_missing.adapters import read_adapter
from mmseg_missing.engine import AmpOptimWrapper
from mmseg_missing.torch_versions import autocast_dtype

ADAPTER = {'type': 'ScaleShift'}
AMP = {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16'}


@pytest.fixture
def join(base):
    return {'type': 'AdapterCheckpointHook', 'base': base}


@pytest.fixture
def adapt(make_runner, join):
    """Return a function that gives the Runner of a short adaptation."""

    def adapt(**settings):
        settings = {'optim': AMP, 'hooks': [join], **settings}
        return make_runner(adapter=ADAPTER, **settings)

    return adapt


def rows_of(runner):
    return dict(runner.model.adapters.rows.table)


def test_rows_move_almost_as_in_float32(adapt):
    plain, runner = adapt(folder='plain', optim={}, iters=1), adapt(iters=1)
    plain.train()
    seen = []
    runner.model.backbone.conv1.register_forward_hook(
        lambda layer, args, out: seen.append(
            (autocast_dtype('cpu'), out.dtype)
        )
    )
    runner.train()
    assert isinstance(runner.optim_wrapper, AmpOptimWrapper)
    assert seen.count((torch.bfloat16, torch.bfloat16)) == 1  # the step
    for name, row in rows_of(runner).items():
        other = rows_of(plain)[name]
        assert row.dtype == torch.float32
        assert not torch.equal(row, other)
        # The first step of Adam is the sign of the gradient.
        assert row.any()
        agree = (row.sign() == other.sign()).float().mean()
        assert agree > 0.9


def test_a_resumed_run_is_the_same(adapt, join, tmp_path):
    hooks = [join, {'type': 'RandomStateHook'}]
    adapt(folder='whole', hooks=hooks).train()
    stop = {'type': 'StopHook', 'after': 4}
    with pytest.raises(KeyboardInterrupt):
        adapt(hooks=[*hooks, stop]).train()
    resumed = adapt(hooks=hooks, resume=True)
    resumed.train()
    whole = torch.load(tmp_path / 'whole' / 'iter_6.pth', weights_only=False)
    for key, value in resumed.model.state_dict().items():
        assert torch.equal(value, whole['state_dict'][key]), key


def test_the_file_holds_float32(adapt):
    runner = adapt(iters=2, interval=2)
    runner.train()
    _, rows = read_adapter(runner.work_dir + '/adapter.safetensors')
    assert {row.dtype for row in rows.values()} == {torch.float32}


@pytest.mark.parametrize('dtype', ['float16', torch.float16, 'int8'])
def test_half_precision_needs_a_gpu(dtype, make_runner):
    with pytest.raises(ValueError, match=r"GPU; on a CPU.*'bfloat16'"):
        make_runner(optim={**AMP, 'dtype': dtype}).train()


def test_the_default_on_a_cpu():
    config = {
        'type': 'mmseg.AmpOptimWrapper',
        'loss_scale': 512.0,
        'optimizer': {'type': 'SGD', 'lr': 1.0},
        'accumulative_counts': 2,
    }
    layer = nn.Linear(2, 1)
    wrapper = build_optim_wrapper(layer, config)
    assert wrapper.cast_dtype == torch.bfloat16
    with wrapper.optim_context(layer):
        loss = layer(torch.ones(1, 2)).sum()
    assert loss.dtype == torch.bfloat16
    wrapper.backward(loss)
    assert torch.equal(layer.weight.grad, torch.ones(1, 2))  # not scaled
    wrapper.load_state_dict(wrapper.state_dict())
