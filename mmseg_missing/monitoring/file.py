"""Clean numbers in the adapter file, under keys of their own."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ..adapters import read_adapter
from ..adapters.attach import bank_of
from ..adapters.base_state import fingerprint
from ..adapters.file import annotate_adapter
from ..adapters.file_checks import MONITOR
from .monitor import TOLERANCE, SensorMonitor
from .stems import stems_of

KEY = MONITOR.removesuffix('.')


def add_monitor(path: str | Path, monitor: SensorMonitor) -> None:
    """Write a monitor into an adapter file, in the place of its last one.

    Raises:
        ValueError: no adapter file, or numbers that are not finite.
    """
    tensors = {f'{MONITOR}{k}': v for k, v in monitor.clean.items()}
    annotate_adapter(path, {KEY: monitor.metadata()}, tensors)


def load_monitor(root: nn.Module, path: str | Path) -> SensorMonitor:
    """Return the monitor that lies in an adapter file.

    Args:
        root: The network with adapters that the file belongs to.
        path: The file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file without clean statistics, or with those of another
            network.
    """
    metadata, tensors = read_adapter(path)
    if KEY not in metadata:
        raise ValueError(
            f'{str(path)!r} holds no clean statistics to judge sensors by; '
            'add them with `mmseg-missing fit CONFIG BASE FILE --by monitor`'
        )
    stack, given = bank_of(root).stack, metadata[KEY]
    ours = [[m.name, m.channels, list(m.mean), list(m.std)] for m in stack]
    if ours != metadata['stack'] or metadata['base'] != fingerprint(root):
        raise ValueError(
            f'{str(path)!r} holds clean statistics of another network; load '
            'the base that they were gathered with, or gather them again '
            'with `mmseg-missing fit --by monitor`'
        )
    clean = {
        key.removeprefix(MONITOR): value
        for key, value in tensors.items()
        if key.startswith(MONITOR)
    }
    try:
        stems = stems_of(root, given['stems'], stack)
        return SensorMonitor(
            stack,
            stems,
            clean,
            given['quantile'],
            given['images'],
            given.get('tolerance', TOLERANCE),
            given.get('seed', 0),
        )
    except ValueError as error:
        raise ValueError(
            f'{str(path)!r} is of another network: {error}; gather them again '
            'with `mmseg-missing fit --by monitor`'
        ) from error
