"""How well ill sensors are found, and when dropping them pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from mmengine.config import Config
from torch import nn

from ..corruptions import FAULTS, SEVERITIES
from ..evaluation.detection import Detection, detect
from ..evaluation.failures import Faulty
from ..evaluation.policy_scores import overhead
from ..evaluation.tolerance import ToleranceChoice, choose_tolerance
from ..monitoring import SensorMonitor, add_monitor
from ..startup.checks import require
from .fit import clean_dataset
from .model import init_model, watch_of


def measure_monitor(
    cfg: Config,
    checkpoint: str | Path,
    adapter: str | Path,
    faults: Sequence[str] = tuple(FAULTS),
    severities: Sequence[int] = SEVERITIES,
    images: int = 64,
    device: str = 'cpu',
) -> Detection:
    """Measure a monitor on faults of each modality and on clean data.

    Args:
        cfg: Config of the base or its adapted sibling; it is kept as it is.
        checkpoint: Checkpoint of the base.
        adapter: Adapter file with clean statistics.
        faults: Which ones.
        severities: Which ones.
        images: How many images of the test are taken, at most.
        device: Where it runs.

    Raises:
        ValueError: files that do not belong together, or no statistics.
    """
    network, monitor = _opened(cfg, checkpoint, adapter, device)
    loader = require(cfg, 'test_dataloader')
    failures = _failures(network.stack.names, faults, severities)
    found = detect(network, monitor, loader, failures, images)
    return replace(found, overhead=overhead(network, monitor, loader))


def choose_for(
    cfg: Config,
    checkpoint: str | Path,
    adapter: str | Path,
    faults: Sequence[str] = tuple(FAULTS),
    severities: Sequence[int] = SEVERITIES,
    images: int = 64,
    device: str = 'cpu',
) -> ToleranceChoice:
    """Choose a monitor's tolerance on training images, into its file.

    They are held out from its fit, and shown by the pipeline of the test. A
    file whose monitor pays with no tolerance stays as it is.

    Args: as :func:`measure_monitor`.

    Raises:
        ValueError: as :func:`measure_monitor`, or too few images.
    """
    network, monitor = _opened(cfg, checkpoint, adapter, device)
    size = require(cfg, 'test_dataloader.batch_size')
    loader = {'dataset': clean_dataset(cfg), 'batch_size': size}
    failures = _failures(network.stack.names, faults, severities)
    found = choose_tolerance(network, monitor, loader, failures, images)
    if found.chosen is not None:
        monitor.tolerance = found.chosen
        add_monitor(adapter, monitor)
    return found


def _opened(
    cfg: Config, checkpoint: str | Path, adapter: str | Path, device: str
) -> tuple[nn.Module, SensorMonitor]:
    """Return a network and the monitor that its adapter file holds."""
    network = init_model(cfg, checkpoint, adapter, device)
    watch = watch_of(network, adapter, 'drop')
    assert watch is not None  # only where sensors are trusted
    return network, watch.monitor


def _failures(
    names: Sequence[str], faults: Sequence[str], severities: Sequence[int]
) -> list[Faulty]:
    return [Faulty(*each) for each in product(faults, names, severities)]
