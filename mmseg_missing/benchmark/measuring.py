"""Time of several steps on a machine that is not quiet, memory of one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

# How the times come about, for reports.
MEASURED_IN_TURN = (
    'wall-clock time of a batch; within a round the networks run in turn, and '
    'a ratio is one of two times of the same round'
)


def interleave(
    steps: Mapping[str, Callable[[], None]],
    repeats: int,
    warm_up: int = 2,
    device: str = 'cpu',
    advance: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = perf_counter,
) -> dict[str, list[float]]:
    """Time several steps in turn, so that noise meets all of them alike.

    The order turns by one each round: nobody always runs after the same one.

    Args:
        steps: Name and what to run.
        repeats: Rounds that count.
        warm_up: Rounds before them that do not.
        device: Where the steps run.
        advance: Called after each step.
        clock: What tells the time: wall-clock, unless another is given.

    Returns:
        Seconds of each round for each step.

    >>> seconds = interleave({'a': lambda: None, 'b': lambda: None}, repeats=3)
    >>> len(seconds['a']), len(seconds['b'])
    (3, 3)
    """
    names = list(steps)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for index in range(warm_up + repeats):
        for name in names:
            start = clock()
            steps[name]()
            _wait_for(device)
            if index >= warm_up:
                seconds[name].append(clock() - start)
            advance()
        names.append(names.pop(0))
    return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and the 10 % and 90 % points of ``values``.

    >>> spread([1.0, 2.0, 3.0])['median']
    2.0
    """
    if len(values) == 1:
        values = [*values, *values]
    tenths = quantiles(values, n=10, method='inclusive')
    return {
        'median': tenths[4],
        'min': min(values),
        'p10': tenths[0],
        'p90': tenths[-1],
    }


def ratio_spread(
    seconds: Sequence[float], reference: Sequence[float]
) -> dict[str, float]:
    """Return the spread of the ratios within each round.

    >>> ratio_spread([2.0, 4.0], [1.0, 2.0])['median']
    2.0
    """
    return spread([a / b for a, b in zip(seconds, reference, strict=True)])


def _wait_for(device: str) -> None:
    if torch.device(device).type == 'cuda':
        torch.cuda.synchronize(device)


# How the peak of a step comes about, for reports.
MEASURED_BY = {
    'cpu': 'bytes of weights, buffers and optimizer state, plus the peak of '
    "what the step itself allocates: torch's CPU allocations and releases as "
    'torch.profiler records them in one step after the warm-up, scratch of '
    'operators included, memory outside of that allocator not',
    'cuda': 'bytes of weights, buffers and optimizer state, plus the peak of '
    'what the step itself allocates: torch.cuda.max_memory_allocated in one '
    'step after the warm-up, less what was allocated before it',
}


def peak_bytes(step: Callable[[], None], device: str = 'cpu') -> int:
    """Return the most that ``step`` holds at once of what it allocates."""
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        step()
        return torch.cuda.max_memory_allocated(device) - before
    return _peak_on_cpu(step)


def held_bytes(
    network: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> int:
    """Return bytes of weights, buffers and the optimizer's state.

    >>> held_bytes(nn.Linear(2, 3))  # 9 numbers of 4 bytes
    36
    """
    tensors = [*network.parameters(), *network.buffers()]
    if optimizer is not None:
        for state in optimizer.state.values():
            tensors += [v for v in state.values() if torch.is_tensor(v)]
    return sum(tensor.nbytes for tensor in tensors)


def _peak_on_cpu(step: Callable[[], None]) -> int:
    # The profiler's library announces each start on stderr otherwise.
    os.environ.setdefault('KINETO_LOG_LEVEL', '99')
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True
    ) as trace:
        step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'trace.json')
        trace.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding='utf-8'))['traceEvents']
    changes = [event for event in events if event.get('name') == '[memory]']
    now = peak = 0
    for event in sorted(changes, key=lambda event: event['ts']):
        now += event['args']['Bytes']
        peak = max(peak, now)
    return peak
