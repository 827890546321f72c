"""What a training cost, written beside its checkpoints."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ...adapters import adapted
from ...evaluation import COST_FILE, Cost
from ..atomic import write_atomically
from ..network import unwrapped

MIB = 2**20


@HOOKS.register_module()
class CostHook(Hook):
    """Write ``cost.json`` (:class:`Cost`) into the work folder at the end.

    What a run measured lies in its checkpoints too, so that a resumed run
    adds to the steps before it: the sum is that of a run without a stop.

    It never waits for a GPU: MMEngine has waited for the loss of a step when
    this hook looks at the clock. On a GPU memory is the peak of the steps
    alone, from the second one on: in the first one ``FrozenBaseCheckHook``
    looks on, which takes memory that training does not need.
    """

    # Before hooks that save or validate: their time is no training step.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._resumed: Mapping[str, Any] | None = None
        self._begin(None, {})

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what the steps before this run cost."""
        self._resumed = checkpoint.get('cost')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put what the steps cost so far into the checkpoint."""
        checkpoint['cost'] = {
            'step_seconds': torch.tensor(self._seconds),
            'memory_mib': self._memory_mib,
            'samples_seen': self._seen(runner),
        }

    def before_train(self, runner: Runner) -> None:
        """Begin at zero, or where the run before this one stopped."""
        # `load_from` begins a new run, whatever its checkpoint cost.
        before = self._resumed if runner.iter else None
        self._begin(before, _shown(runner))
        if len(self._seconds) != runner.iter:
            print_log(
                f'no {COST_FILE}: of the {runner.iter} steps before this run '
                f'{len(self._seconds)} were measured',
                logger='current',
            )

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Start the clock: the batch is loaded."""
        if self._is_peak_foreign:
            _forget_peak()
        self._start = _now()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Stop the clock and look at the memory."""
        self._seconds.append(_now() - self._start)
        if not self._is_first:
            self._memory_mib = max(self._memory_mib, _peak_mib())
        self._is_peak_foreign, self._is_first = self._is_first, False

    def after_val(self, runner: Runner) -> None:
        """What a validation took is not what a step takes."""
        self._is_peak_foreign = True

    def after_train(self, runner: Runner) -> None:
        """Write the file, if it says all."""
        if len(self._seconds) == runner.iter and is_main_process():
            path = Path(runner.work_dir) / COST_FILE
            write_atomically(path, self._cost(runner).to_json() + '\n')

    def _begin(
        self, before: Mapping[str, Any] | None, shown: Mapping[str, int]
    ) -> None:
        """Take over what ``before_save_checkpoint`` saved, if anything.

        Args:
            before: That.
            shown: What the network counted already.
        """
        before = before or {}
        self._seconds: list[float] = list(
            before.get('step_seconds', torch.zeros(0)).tolist()
        )
        self._memory_mib: float = before.get('memory_mib', 0.0)
        self._before = Counter(before.get('samples_seen', {}))
        self._before.subtract(shown)
        self._is_first = self._is_peak_foreign = True

    def _seen(self, runner: Runner) -> dict[str, int]:
        """Return how many samples showed which combination, on all ranks."""
        seen = Counter(_shown(runner))
        seen.update(self._before)
        return dict(+seen)

    def _cost(self, runner: Runner) -> Cost:
        network = unwrapped(runner.model)
        banks = [root.adapters for _, root in adapted(network)]
        on_gpu = torch.cuda.is_available()
        stack = getattr(network, 'stack', None)
        return Cost(
            config=Path(runner.cfg.filename or '').stem,
            seed=runner.seed,
            modalities=stack.names if stack else (),
            trained_parameters=count_parameters(network, trained_only=True),
            total_parameters=count_parameters(network),
            added_parameters=sum(bank.num_parameters for bank in banks),
            stored_parameters=sum(map(count_parameters, banks)),
            iterations=len(self._seconds),
            seconds=sum(self._seconds),
            seconds_per_iteration=statistics.median(self._seconds or [0.0]),
            memory_mib=self._memory_mib or _peak_mib(),
            memory_measured_by='torch.cuda.max_memory_allocated'
            if on_gpu
            else 'ru_maxrss of the whole process',
            device=torch.cuda.get_device_name() if on_gpu else 'cpu',
            threads=torch.get_num_threads(),
            sampler=type(getattr(network, 'sampler', None)).__name__,
            samples_seen=self._seen(runner),
        )


def count_parameters(module: nn.Module, trained_only: bool = False) -> int:
    """Count parameters; a bank's anchor is a constant, not a number."""
    return sum(
        p.numel()
        for name, p in module.named_parameters()
        if (p.requires_grad or not trained_only)
        and not name.endswith('rows.anchor')
    )


def _shown(runner: Runner) -> dict[str, int]:
    """Return what the network counted since it was built, on all ranks."""
    steps = getattr(unwrapped(runner.model), 'steps', None)
    return steps.seen if steps else {}


def _now() -> float:
    return time.perf_counter()


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def _peak_mib() -> float:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, KiB elsewhere.
    return peak / (MIB if sys.platform == 'darwin' else 1024)
