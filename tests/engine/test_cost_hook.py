"""What a training cost, in one go and in two."""

from types import SimpleNamespace

import pytest
import torch

from mmseg_missing.engine import CostHook
from mmseg_missing.engine.hooks import cost_hook
from mmseg_missing.evaluation import Cost

HOOK = {'type': 'CostHook'}
ADAPTER = {'type': 'ScaleShift', 'sites': ['backbone.conv1', 'backbone.bn1']}
# Scale and shift of four channels at two sites.
WIDTH = 16


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that moves by a second whenever somebody looks at it."""
    ticks = iter(range(1000))
    monkeypatch.setattr(cost_hook, '_now', lambda: float(next(ticks)))


def read(tmp_path, folder='run'):
    return Cost.from_json((tmp_path / folder / 'cost.json').read_text())


def test_an_adapted_network(make_runner, tmp_path):
    runner = make_runner(adapter=ADAPTER, hooks=[HOOK])
    runner.train()
    cost = read(tmp_path)
    base = make_runner(folder='plain').model
    assert cost.base_parameters == sum(p.numel() for p in base.parameters())
    assert cost.trained_parameters == cost.stored_parameters == 2 * WIDTH
    assert cost.added_parameters == WIDTH
    assert (cost.iterations, cost.seconds) == (6, 6.0)
    assert cost.seconds_per_iteration == 1.0
    assert cost.memory_mib > 10
    assert (cost.seed, cost.modalities) == (5, ('rgb', 'depth'))
    assert cost.sampler == 'RoundRobinSampler'
    assert cost.samples_seen == {'rgb': 6, 'depth': 6}


def test_counts_are_those_of_the_bank(make_runner, tmp_path):
    """Both count the draws that the loss has made."""
    runner = make_runner(adapter=ADAPTER, hooks=[HOOK], sampler='uniform')
    runner.train()
    seen = dict(read(tmp_path).samples_seen)
    assert sum(seen.values()) == 12
    assert seen.pop('rgb+depth') > 0
    bank = runner.model.adapters
    assert seen == dict(zip(bank.rows.names, bank.samples_seen.tolist()))


def test_a_network_without_adapters(make_runner, tmp_path):
    make_runner(hooks=[HOOK], sampler='uniform').train()
    cost = read(tmp_path)
    assert cost.added_parameters == cost.stored_parameters == 0
    assert cost.trained_parameters == cost.total_parameters
    assert sum(cost.samples_seen.values()) == 12


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_a_resumed_run_costs_what_a_whole_one_does(
    make_runner, tmp_path, loop
):
    settings = {'adapter': ADAPTER, 'sampler': 'uniform', 'loop': loop}
    make_runner(hooks=[HOOK], folder='whole', **settings).train()
    stopping = [HOOK, {'type': 'StopHook', 'after': 4}]
    with pytest.raises(KeyboardInterrupt):
        make_runner(hooks=stopping, **settings).train()
    assert not (tmp_path / 'run' / 'cost.json').exists()
    make_runner(hooks=[HOOK], resume=True, **settings).train()
    whole, parts = read(tmp_path, 'whole'), read(tmp_path)
    for name in ('iterations', 'seconds', 'samples_seen'):
        assert getattr(parts, name) == getattr(whole, name), name


def test_loading_weights_begins_at_zero(make_runner, tmp_path):
    make_runner(hooks=[HOOK]).train()
    runner = make_runner(hooks=[HOOK], folder='tuned')
    runner.load_checkpoint(str(tmp_path / 'run' / 'iter_6.pth'))
    runner.train()
    assert read(tmp_path, 'tuned').iterations == 6


def test_resuming_an_unmeasured_run_is_said(
    make_runner, tmp_path, monkeypatch
):
    said = []
    monkeypatch.setattr(
        cost_hook, 'print_log', lambda message, **_: said.append(message)
    )
    make_runner().train()
    # Half a cost would be taken for a whole one.
    make_runner(hooks=[HOOK], iters=9, resume=True).train()
    (message,) = said
    assert 'the 6 steps before this run 0 were measured' in message
    assert not (tmp_path / 'run' / 'cost.json').exists()


def test_checkpoints_need_no_unpickling(make_runner, tmp_path):
    make_runner(hooks=[HOOK]).train()
    path = tmp_path / 'run' / 'iter_6.pth'
    cost = torch.load(path, weights_only=False)['cost']
    torch.save(cost, tmp_path / 'cost.pth')
    assert torch.load(tmp_path / 'cost.pth', weights_only=True)


def test_a_step_draws_once(make_runner):
    runner = make_runner(adapter=ADAPTER, hooks=[HOOK], sampler='uniform')
    draws, draw = [], runner.model.sampler.draw
    runner.model.sampler.draw = lambda *x: draws.append(x) or draw(*x)
    runner.train()
    assert len(draws) == 6


class Gpu:
    """Remembers its peak; it has no ``synchronize``."""

    def __init__(self):
        self.used = self.peak = 0

    def is_available(self):
        return True

    def use(self, mib):
        self.used, self.peak = mib * 2**20, max(self.peak, mib * 2**20)

    def max_memory_allocated(self):
        return self.peak

    def reset_peak_memory_stats(self):
        self.peak = self.used


def test_memory_is_that_of_steps(monkeypatch):
    """Not of the first one, where a check looks on, nor of validations."""
    gpu = Gpu()
    torches = SimpleNamespace(cuda=gpu, zeros=torch.zeros)
    monkeypatch.setattr(cost_hook, 'torch', torches)
    runner = SimpleNamespace(model=torch.nn.Identity(), iter=0)
    hook = CostHook()
    hook.before_train(runner)
    peaks = []
    for mib in (90, 50, 60, 40):
        hook.before_train_iter(runner)
        gpu.use(mib)
        gpu.use(10)
        hook.after_train_iter(runner, 0)
        peaks.append(hook._memory_mib)
        gpu.use(100)  # a validation
        gpu.use(10)
        hook.after_val(runner)
    assert peaks == [0.0, 50.0, 60.0, 60.0]


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"modalities": []}'])
def test_json_of_something_else(text):
    with pytest.raises(ValueError, match=r'cost\.json'):
        Cost.from_json(text)
