"""How well ill sensors are found, and when dropping them pays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from mmengine.config import Config

from ..corruptions import FAULTS, SEVERITIES
from ..evaluation.detection import Detection, detect
from ..evaluation.failures import Faulty
from ..startup.checks import require
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
        cfg: Of the base or its adapted sibling; it is kept as it is.
        checkpoint: Of the base.
        adapter: Adapter file with clean statistics.
        faults: Which ones.
        severities: Which ones.
        images: Of the test, at most.
        device: Where it runs.

    Raises:
        ValueError: files that do not belong together, or no statistics.
    """
    network = init_model(cfg, checkpoint, adapter, device)
    watch = watch_of(network, adapter, 'drop')
    loader = require(cfg, 'test_dataloader')
    chosen = product(faults, network.stack.names, severities)
    failures = [Faulty(*each) for each in chosen]
    return detect(network, watch.monitor, loader, failures, images)
