"""Stopping and resuming ends where not stopping does."""

import pytest
import torch

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


def test_resuming_a_run_that_saved_no_states(make_runner):
    """Checkpoints from before the hook resume as they ever did."""
    make_runner().train()
    runner = make_runner(hooks=[RANDOM], iters=7, resume=True)
    runner.train()
    assert runner.iter == 7
