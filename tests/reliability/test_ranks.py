"""Two processes: they learn what one does, and survive being killed."""

import random
import socket
import time
from pathlib import Path

import pytest
import torch

from mmseg_missing.adapters import read_adapter

CONFIGS = Path(__file__).parents[1] / 'configs'
SEED, KILLS, EPOCHS = 0, 5, 3
SCENES = ('train_dataloader.dataset.num_scenes=8',)
# Nothing that a process draws for itself, and one combination: what a
# sample shows does not depend on which process has it.
CALM = """
_base_ = {base!r}
model = dict(
    backbone=dict(drop_path_rate=0.0),
    sampler=dict(
        _delete_=True, type='round_robin', combinations=['rgb']
    ),
    decode_head=dict(
        dropout_ratio=0.0,
        loss_decode=dict(
            type='CrossEntropyLoss', avg_non_ignore={avg_non_ignore}
        ),
    ),
)
train_dataloader = dict(
    batch_size={batch}, dataset=dict(pipeline=[dict(type='PackModalities')])
)
train_cfg = dict(max_epochs={epochs})
"""


class Pair:
    """Two processes of one training."""

    def __init__(self, start, *arguments):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.processes = [
            start(
                *arguments,
                launcher='pytorch',
                environment={
                    'RANK': str(rank),
                    'LOCAL_RANK': str(rank),
                    'WORLD_SIZE': '2',
                    'MASTER_ADDR': '127.0.0.1',
                    'MASTER_PORT': str(port),
                },
            )
            for rank in range(2)
        ]
        self.work = self.processes[0].work

    def wait(self):
        return [process.wait() for process in self.processes]

    def kill(self):
        for process in self.processes:
            process.kill()

    def text(self):
        return '\n'.join(p.log.read_text()[-2000:] for p in self.processes)


@pytest.fixture(scope='module')
def folder(start_training, tmp_path_factory):
    """Where all run, with the base they stand on."""
    folder = tmp_path_factory.mktemp('ranks')
    base = start_training(
        folder, 'work_dirs/tiny', CONFIGS / 'tiny.py', SCENES
    )
    assert base.wait() == 0, base.log.read_text()[-2000:]
    return folder


def rows_of(work):
    return read_adapter(work / 'adapter.safetensors')[1]


@pytest.mark.slow
@pytest.mark.parametrize('avg_non_ignore', [False, True])
def test_two_learn_what_one_does(start_training, folder, avg_non_ignore):
    rows = []
    for batch in (4, 2):
        name = f'{avg_non_ignore}{batch}'.lower()
        config = folder / f'{name}.py'
        config.write_text(
            CALM.format(
                base=str(CONFIGS / 'tiny-ssf.py'),
                avg_non_ignore=avg_non_ignore,
                batch=batch,
                epochs=EPOCHS,
            )
        )
        arguments = (start_training, folder, name, config, SCENES)
        if batch == 4:
            training = start_training(*arguments[1:])
            assert training.wait() == 0, training.log.read_text()[-2000:]
        else:
            training = Pair(*arguments)
            assert training.wait() == [0, 0], training.text()
        rows.append(rows_of(training.work)['rgb'].double())
    one, two = rows
    difference = float((two - one).norm() / one.norm())
    print(
        f'\nrows of two processes against one, avg_non_ignore='
        f'{avg_non_ignore}: {difference:.1e} of their size'
    )
    assert one.norm() > 0.1
    assert difference < 1e-3


def read(work):
    """Return all that a finished training is asked for."""
    saved = torch.load(work / f'epoch_{EPOCHS}.pth', weights_only=False)
    states = [state['torch'] for state in saved['random_states']]
    return [*saved['state_dict'].values(), *rows_of(work).values(), *states]


@pytest.mark.slow
def test_two_killed_ranks(start_training, folder, outcomes):
    """Each goes on with its own random numbers, to the same bits."""
    options = (*SCENES, f'train_cfg.max_epochs={EPOCHS}')
    options += ('model.sampler=uniform', 'randomness.diff_rank_seed=True')
    arguments = (start_training, folder)
    rest = (CONFIGS / 'tiny-ssf.py', options)
    began = time.time()
    pair = Pair(*arguments, 'whole', *rest)
    assert pair.wait() == [0, 0], pair.text()
    seconds, expected = time.time() - began, read(pair.work)
    assert not torch.equal(expected[-1], expected[-2])
    generator = random.Random(SEED)
    for number in range(KILLS):
        pair = Pair(*arguments, f'killed{number}', *rest)
        time.sleep(generator.uniform(0.3, 0.95) * seconds)
        pair.kill()
        pair.wait()
        pair = Pair(*arguments, f'killed{number}', *rest)
        codes = pair.wait()
        if codes != [0, 0]:
            outcomes.add('hang' if None in codes else 'traceback', pair.text())
            continue
        same = all(map(torch.equal, read(pair.work), expected))
        outcomes.add('right' if same else 'silent', pair.work.name)
    assert not outcomes.faults, outcomes.faults[0]


@pytest.mark.slow
@pytest.mark.parametrize('rank', [0, 1])
def test_ranks_stop_together(start_training, folder, rank):
    """A loss that is not finite on one of them stops both, with one line."""
    name = f'diverged{rank}'
    config = folder / f'{name}.py'
    config.write_text(
        f'_base_ = {str(CONFIGS / "tiny-ssf.py")!r}\n'
        "custom_imports = dict(imports=['mmseg_missing'])\n"
    )

    def spoil(work):
        """Let one rank's loss be NaN in the second iteration."""
        import os

        from mmengine.hooks import IterTimerHook

        if os.environ['RANK'] == str(rank):

            def after(hook, runner, batch_idx, data_batch, outputs):
                if runner.iter == 1:
                    outputs['loss'] = outputs['loss'] * float('nan')

            IterTimerHook.after_train_iter = after
            IterTimerHook.priority = 'HIGHEST'

    def start(*arguments, **settings):
        return start_training(*arguments, before=spoil, **settings)

    pair = Pair(start, folder, name, config, SCENES)
    assert pair.wait() == [2, 2], pair.text()
    for process in pair.processes:
        last = process.log.read_text().strip().splitlines()[-1]
        assert last.startswith('error: the loss is nan in iteration 2 of')
    assert not (pair.work / 'train.lock').exists()
