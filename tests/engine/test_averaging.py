"""Averages of weights beside adapters: MMEngine's EMAHook."""

import pytest
import torch

from mmseg_missing.adapters import base_state, fingerprint, read_adapter

ADAPTER = {'type': 'ScaleShift', 'rows': 'table'}
EMA = {'type': 'EMAHook', 'momentum': 0.25}
RANDOM = {'type': 'RandomStateHook'}


@pytest.fixture
def join(base):
    return {'type': 'AdapterCheckpointHook', 'base': base}


@pytest.fixture
def adapt(make_runner, join):
    """Return a function that gives a Runner with averages."""

    def adapt(hooks=(), ema=EMA, **settings):
        check = {'type': 'FrozenBaseCheckHook'}
        return make_runner(
            adapter=ADAPTER, hooks=[join, check, RANDOM, ema, *hooks],
            **settings,
        )  # fmt: skip

    return adapt


def average_of(runner):
    (hook,) = (h for h in runner.hooks if type(h).__name__ == 'EMAHook')
    return hook.ema_model


class Steps:
    """What the rows are after each step."""

    def __init__(self, runner):
        self.rows, rows = [], runner.model.adapters.rows.table
        step = runner.model.train_step

        def train_step(*args, **kwargs):
            losses = step(*args, **kwargs)
            self.rows.append(rows['rgb'].detach().clone())
            return losses

        runner.model.train_step = train_step


def test_rows_are_averaged(adapt):
    runner = adapt(validate=False)
    steps = Steps(runner)
    runner.train()
    first, *later = steps.rows
    for row in later:
        first.lerp_(row, 0.25)
    _, rows = read_adapter(runner.work_dir + '/adapter.safetensors')
    torch.testing.assert_close(rows['rgb'], first)


def test_the_base_is_shared_and_stays(adapt, base):
    runner = adapt()
    runner.train()
    average, model = average_of(runner), runner.model
    assert set(average.avg_parameters) == {
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    twins = dict(average.module.named_parameters())
    for name, parameter in model.named_parameters():
        assert (twins[name] is parameter) == (not parameter.requires_grad)
    given = torch.load(base, weights_only=True)['state_dict']
    for key, value in base_state(model).items():
        assert torch.equal(value, given[key])
    assert fingerprint(average.module) == fingerprint(model)


@pytest.mark.parametrize('update_buffers', [False, True])
def test_counts_are_copied(adapt, update_buffers):
    ema = {**EMA, 'update_buffers': update_buffers}
    runner = adapt(ema=ema, validate=False)
    runner.train()
    saved = torch.load(runner.work_dir + '/iter_6.pth', weights_only=False)
    seen = saved['state_dict']['adapters.samples_seen']
    assert torch.equal(seen, runner.model.adapters.samples_seen)
    assert seen.tolist() == [6, 6]


def test_validation_sees_the_average(adapt):
    runner = adapt()
    seen = []
    table = runner.model.adapters.rows.table
    predict = runner.model.predict

    def watched(*args, **kwargs):
        seen.append(table['rgb'].detach().clone())
        return predict(*args, **kwargs)

    runner.model.predict = watched
    runner.train()
    last = average_of(runner).module.adapters.rows.table['rgb']
    assert torch.equal(seen[-1], last)
    assert not torch.equal(seen[-1], table['rgb'])


def test_a_resumed_run_is_the_same(adapt, tmp_path):
    whole = adapt(folder='whole')
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        adapt([{'type': 'StopHook', 'after': 4}]).train()
    resumed = adapt(resume=True)
    resumed.train()
    for part in (lambda r: r.model, average_of):
        state = part(whole).state_dict()
        for key, value in part(resumed).state_dict().items():
            assert torch.equal(value, state[key]), key
    files = [
        read_adapter(tmp_path / folder / 'adapter.safetensors')
        for folder in ('whole', 'run')
    ]
    assert all(
        torch.equal(row, files[1][1][name])
        for name, row in files[0][1].items()
    )


def test_what_else_learns(adapt):
    runner = adapt(trainable=['decode_head'], iters=3)
    runner.train()
    average, model = average_of(runner).module, runner.model
    head = model.decode_head.conv_seg
    assert not torch.equal(average.decode_head.conv_seg.weight, head.weight)
    bn, twin = (m.decode_head.convs[0].bn for m in (model, average))
    assert torch.equal(bn.running_mean, twin.running_mean)


@pytest.mark.parametrize(
    'kind', ['StochasticWeightAverage', 'MomentumAnnealingEMA']
)
def test_other_averages(adapt, kind):
    runner = adapt(ema={'type': 'EMAHook', 'ema_type': kind}, iters=3)
    runner.train()
    module = average_of(runner).module
    assert module.backbone.conv1.weight is runner.model.backbone.conv1.weight
