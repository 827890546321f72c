"""A progress bar for runs that a person watches."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmseg.registry import HOOKS
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Show iterations of training and batches of testing as a bar.

    Args:
        title: What stands before the bar.
    """

    priority = 'LOWEST'

    def __init__(self, title: str) -> None:
        self.title = title
        self._progress: Progress | None = None

    def before_train(self, runner: Runner) -> None:
        """Begin a bar over all iterations, at the resumed one."""
        loop = runner.train_loop
        total = loop.max_iters
        if isinstance(loop, EpochBasedTrainLoop):
            total = loop.max_epochs * len(loop.dataloader)
        self._begin(total, runner.iter)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Advance, and show the loss."""
        loss = outputs['loss'].item() if outputs else float('nan')
        self._advance(f'{self.title}, loss {loss:.2f}')

    def after_train(self, runner: Runner) -> None:
        """End the bar."""
        self._end()

    def before_test(self, runner: Runner) -> None:
        """Begin a bar over all batches."""
        self._begin(len(runner.test_loop.dataloader))

    def after_test_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Advance."""
        self._advance(self.title)

    def after_test(self, runner: Runner) -> None:
        """End the bar."""
        self._end()

    def _begin(self, total: int, done: int = 0) -> None:
        self._progress = Progress(
            TextColumn('{task.description:<34}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress.start()
        self._task = self._progress.add_task(
            self.title, total=total, completed=done
        )

    def _advance(self, text: str) -> None:
        self._progress.update(self._task, advance=1, description=text)

    def _end(self) -> None:
        self._progress.stop()
        self._progress = None
