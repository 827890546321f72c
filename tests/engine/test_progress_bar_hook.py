"""The bar counts what the loops do."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from mmseg_missing.engine.hooks import ProgressBarHook


def make_runner(kind, **lengths):
    loop = kind.__new__(kind)
    loop.dataloader = range(5)
    loop._max_epochs, loop._max_iters = 3, 11
    test_loop = SimpleNamespace(dataloader=range(7))
    return SimpleNamespace(train_loop=loop, test_loop=test_loop, iter=2)


@pytest.mark.parametrize(
    ('kind', 'total'), [(EpochBasedTrainLoop, 15), (IterBasedTrainLoop, 11)]
)
def test_training(kind, total, capsys):
    hook, runner = ProgressBarHook('train it'), make_runner(kind)
    hook.before_train(runner)
    (task,) = hook._progress.tasks
    assert (task.total, task.completed) == (total, 2)
    hook.after_train_iter(runner, 0, outputs={'loss': torch.tensor(1.25)})
    assert task.completed == 3
    hook.after_train(runner)
    shown = capsys.readouterr().out
    assert 'train it, loss 1.25' in shown and f'3/{total}' in shown


def test_testing(capsys):
    hook, runner = ProgressBarHook('score it'), make_runner(IterBasedTrainLoop)
    hook.before_test(runner)
    for index in range(7):
        hook.after_test_iter(runner, index)
    hook.after_test(runner)
    shown = capsys.readouterr().out
    assert 'score it' in shown and '7/7' in shown
