"""Checkpoints that a killed process cannot damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process, master_only
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..atomic import ATOMIC, write_atomically
from ..resume import POINTER, find_checkpoint

# Where a checkpoint says which others go as soon as it is there.
OUTDATED = 'outdated_ckpt_ids'


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's checkpoints, written whole and found again.

    A file is in its place when it is complete; only then the one before it
    is deleted. ``last_checkpoint`` names a file relative to the work folder,
    so that a folder can be moved. A run that resumes takes the newest
    checkpoint that can be read.

    Before rank 0 writes, ``before_checkpoint(runner)`` of every hook that has
    it is called on all ranks: to collect what lies on them, or to refuse.

    Args:
        **kwargs: As for MMEngine's ``CheckpointHook``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        is_local = '://' not in str(self.out_dir or '')
        if is_local and not self.backend_args and not self.file_client_args:
            self.backend_args = {'backend': ATOMIC}

    def before_run(self, runner: Runner) -> None:
        """Choose the checkpoint of a run that is to be resumed."""
        if runner._resume and runner._load_from is None:
            found = find_checkpoint(runner.work_dir)
            runner._load_from = found and str(found)
            # Without any, MMEngine would say what it resumes: None.
            runner._resume = found is not None
            runner.logger.info(
                f'resuming from {str(found)!r}'
                if found
                else f'nothing to resume in {runner.work_dir!r}: a new run'
            )

    def before_train(self, runner: Runner) -> None:
        """Delete what a killed run meant to; look for the best one here."""
        super().before_train(runner)
        self._remove(runner.message_hub.runtime_info.get(OUTDATED, []))
        best = getattr(self, 'best_ckpt_path', None)
        if best:  # a copied folder must not delete the original's
            self.best_ckpt_path = self._here(best)
        for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
            self.best_ckpt_path_dict[key] = path and self._here(path)

    def _here(self, path: str) -> str:
        return str(Path(self.out_dir) / Path(path).name)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if self.save_best:
            runner.call_hook('before_checkpoint')
            super()._save_best_checkpoint(runner, metrics)

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        """Write a checkpoint, then the pointer, then delete old ones."""
        runner.call_hook('before_checkpoint')
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        outdated = self._count_in(runner, step)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            is_beside = Path(self.out_dir) == Path(runner.work_dir)
            write_atomically(
                Path(runner.work_dir) / POINTER,
                name if is_beside else self.last_ckpt,
            )
        self._remove(outdated)

    def _count_in(self, runner: Runner, step: int) -> list[int]:
        """Return the steps whose files go once this one is written."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        steps = [*self.keep_ckpt_ids, step]
        outdated = steps[: -self.max_keep_ckpts]
        self.keep_ckpt_ids.append(step)  # a deque of that length
        hub = runner.message_hub
        hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        hub.update_info(OUTDATED, outdated)
        return outdated

    @master_only
    def _remove(self, steps: list[int]) -> None:
        for step in steps:
            name = self.filename_tmpl.format(step)
            path = self.file_backend.join_path(self.out_dir, name)
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
