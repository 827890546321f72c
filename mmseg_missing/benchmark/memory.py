"""Peak memory of one step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

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
    """Return bytes of weights, buffers and the optimizer's state."""
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
        events = json.loads(path.read_text())['traceEvents']
    changes = [event for event in events if event.get('name') == '[memory]']
    now = peak = 0
    for event in sorted(changes, key=lambda event: event['ts']):
        now += event['args']['Bytes']
        peak = max(peak, now)
    return peak
