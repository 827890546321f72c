"""Every process gets its own random states back, wherever they were put."""

import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.utils._pytree import tree_map

from mmseg_missing.engine import RandomStateHook
from mmseg_missing.engine.hooks import random_state_hook
from mmseg_missing.engine.hooks.random_state_hook import (
    get_random_state,
    set_random_state,
)

HOOK = {'type': 'RandomStateHook'}


class OnDevice(torch.Tensor):
    """A tensor on a GPU that need not be there; ``cpu()`` gives its values."""

    @staticmethod
    def __new__(cls, values):
        return torch.Tensor._make_wrapper_subclass(
            cls, values.size(), dtype=values.dtype, device='cuda'
        )

    def __init__(self, values):
        self.values = values

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        assert function is torch.ops.aten._to_copy.default, function
        assert kwargs['device'].type == 'cpu'
        return args[0].values


def moved(state):
    return tree_map(
        lambda x: OnDevice(x) if isinstance(x, torch.Tensor) else x, state
    )


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_states_that_arrived_on_a_device():
    state = moved(get_random_state())
    assert state['torch'].device.type == 'cuda'
    expected = [draw(), draw()]
    with pytest.raises(TypeError):
        torch.set_rng_state(state['torch'])  # it is no CPU tensor
    set_random_state(state)
    assert [draw(), draw()] == expected


def test_resume_with_states_on_a_device(make_runner, monkeypatch):
    """MMEngine moves all that is in a checkpoint to the network's device."""
    make_runner(hooks=[HOOK], iters=6, folder='whole').train()
    expected = draw()
    make_runner(hooks=[HOOK], iters=3).train()
    load = RandomStateHook.after_load_checkpoint

    def load_moved(self, runner, checkpoint):
        checkpoint['random_states'] = moved(checkpoint['random_states'])
        load(self, runner, checkpoint)

    monkeypatch.setattr(RandomStateHook, 'after_load_checkpoint', load_moved)
    make_runner(hooks=[HOOK], iters=6, resume=True).train()
    assert draw() == expected


def test_best_checkpoint_keeps_the_states_of_training(make_runner, tmp_path):
    """It is written amid a validation, whose stream is another one."""
    best = {'save_best': 'count', 'rule': 'greater'}
    settings = {'hooks': [HOOK], 'iters': 4, 'interval': 2}
    make_runner(folder='plain', **settings).train()
    make_runner(folder='best', saving=best, **settings).train()
    plain, again = (
        torch.load(tmp_path / name / 'iter_2.pth', weights_only=False)
        for name in ('plain', 'best')
    )
    assert 'best_ckpt' in again['message_hub']['runtime_info']
    one, two = (x['random_states'][0]['torch'] for x in (plain, again))
    assert torch.equal(one, two)


def test_another_number_of_processes(make_runner, monkeypatch):
    said = []
    monkeypatch.setattr(
        random_state_hook,
        'print_log',
        lambda message, **_: said.append(message),
    )
    make_runner(hooks=[HOOK], iters=3).train()
    runner = make_runner(hooks=[HOOK], resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(random_state_hook, 'get_world_size', lambda: 2)
        runner.train()
    (line,) = said
    assert '1 processes, this run has 2' in line


def save_and_load(rank, folder):
    """Two ranks with states of their own give and take them."""
    torch.set_num_threads(1)
    store = dist.FileStore(f'{folder}/store', 2)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=2)
    random.seed(rank)
    np.random.seed(rank)
    torch.manual_seed(rank)
    hook, checkpoint = RandomStateHook(), {}
    runner = SimpleNamespace(model=None)
    hook.before_checkpoint(runner)
    if rank == 0:
        hook.before_save_checkpoint(runner, checkpoint)
        torch.save(checkpoint, f'{folder}/states.pth')
    expected = draw()
    dist.barrier()
    checkpoint = torch.load(f'{folder}/states.pth', weights_only=True)
    hook.after_load_checkpoint(runner, checkpoint)
    set_random_state(hook._resumed)
    assert draw() == expected
    (one, two) = checkpoint['random_states']
    assert not torch.equal(one['torch'], two['torch'])
    dist.destroy_process_group()
    os._exit(0)  # what pytest registered for its end is not ours


def test_two_processes(tmp_path):
    # Forked: a new process would find the `tests` that mmseg installs.
    context = mp.start_processes(
        save_and_load,
        (str(tmp_path),),
        nprocs=2,
        join=False,
        start_method='fork',
    )
    try:
        while not context.join(timeout=100):
            pass
    finally:
        for process in context.processes:
            process.kill()
