"""Stopping and resuming ends where not stopping does."""

import pytest
import torch

from mmseg_missing.sampling import WeightedSampler

RANDOM = {'type': 'RandomStateHook'}


def final_state(runner):
    """Weights, buffers and the optimizer's numbers after training."""
    runner.train()
    state = dict(runner.model.state_dict())
    optimizer = runner.optim_wrapper.state_dict()['state']
    for index, numbers in optimizer.items():
        state.update({f'{index}.{k}': v for k, v in numbers.items()})
    return state


def run(make_runner, stop, hooks=(), **settings):
    """Return the final states without and with an interruption."""
    expected = final_state(
        make_runner(hooks=hooks, folder='whole', **settings)
    )
    stopping = [*hooks, {'type': 'StopHook', 'after': stop}]
    with pytest.raises(KeyboardInterrupt):
        make_runner(hooks=stopping, folder='parts', **settings).train()
    resumed = make_runner(hooks=hooks, folder='parts', resume=True, **settings)
    return expected, final_state(resumed)


def assert_same(expected, found):
    assert set(found) == set(expected)
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


@pytest.fixture(params=['base', 'adapters', 'adapted backbone'])
def task(request, base):
    """What is trained: keywords of ``make_runner``."""
    if request.param == 'base':
        return {'hooks': [RANDOM], 'sampler': 'uniform'}
    joining = {'type': 'AdapterCheckpointHook', 'base': base}
    hooks = [RANDOM, joining, {'type': 'FrozenBaseCheckHook'}]
    how = {'wrap': True}
    if request.param == 'adapters':
        how = {'adapter': {'type': 'ScaleShift'}}
    return {'hooks': hooks, 'sampler': 'uniform', **how}


# Six frames in batches of two: an epoch has three iterations.
@pytest.mark.parametrize('stop', [4, 8])
def test_epochs(make_runner, task, stop):
    """Stopped in the second or third epoch, resumed from its start."""
    assert_same(*run(make_runner, stop, loop='epoch', iters=9, **task))


@pytest.mark.parametrize(('interval', 'stop'), [(2, 2), (3, 3), (4, 5)])
@pytest.mark.parametrize('order', ['DefaultSampler', 'InfiniteSampler'])
def test_iterations(make_runner, task, order, interval, stop):
    """Stopped within the data, at their end, and one step too late."""
    found = run(make_runner, stop, interval=interval, order=order, **task)
    assert_same(*found)


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_without_the_hook_it_differs(make_runner, loop):
    expected, found = run(make_runner, 4, loop=loop)
    with pytest.raises(AssertionError):
        assert_same(expected, found)


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_validation_does_not_disturb_training(make_runner, loop):
    """Neither its place nor its being there changes the weights."""
    settings = {'hooks': [RANDOM], 'loop': loop}
    expected = final_state(make_runner(folder='with', **settings))
    found = final_state(
        make_runner(folder='without', validate=False, **settings)
    )
    assert_same(expected, found)


# Sharp enough that the next draw mostly follows the losses.
WEIGHTED = {'type': 'weighted', 'floor': 0.1, 'temperature': 0.01}


@pytest.fixture
def listening(base):
    """Keywords of ``make_runner``: a sampler that draws what lost most."""
    joining = {'type': 'AdapterCheckpointHook', 'base': base}
    return {
        'hooks': [RANDOM, joining],
        'adapter': {'type': 'ScaleShift'},
        'sampler': WEIGHTED,
    }


@pytest.mark.parametrize('loop', ['epoch', 'iter'])
def test_a_sampler_that_listens(make_runner, listening, loop):
    assert_same(*run(make_runner, 4, loop=loop, iters=9, **listening))


def test_what_a_sampler_heard_matters(make_runner, listening, monkeypatch):
    """Without it a resumed run draws, and learns, something else."""
    monkeypatch.setattr(WeightedSampler, 'load_state_dict', lambda *_: None)
    expected, found = run(make_runner, 4, iters=9, **listening)
    with pytest.raises(AssertionError):
        assert_same(expected, found)


def test_a_new_run_does_not_know_what_another_heard(
    make_runner, listening, tmp_path
):
    make_runner(folder='one', **listening).train()
    runner = make_runner(folder='two', iters=1, **listening)
    runner._load_from = str(tmp_path / 'one' / 'iter_6.pth')
    runner.train()
    known = runner.model.sampler.state_dict()['loss'].isfinite()
    assert 1 <= known.sum() <= 2  # a step shows two samples


def test_resuming_a_run_that_saved_no_states(make_runner):
    """Checkpoints from before the hook resume as they ever did."""
    make_runner().train()
    runner = make_runner(hooks=[RANDOM], iters=7, resume=True)
    runner.train()
    assert runner.iter == 7
