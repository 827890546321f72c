"""Which sites a budget buys, by their importance."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmseg.registry import DATASETS
from rich.progress import track
from torch import nn

from ..adapters import adapted
from ..importance import EvenImages, Sensitivity, build_probe
from ..importance.placement import combine, write_sites
from ..startup.checks import require
from ..values import data_sets

# As it was measured (docs/results/adapters.md, "Where").
BY, IMAGES, BATCH, BATCHES = 'l1', 200, 8, 16


def dataset_config(cfg: Config, split: str) -> dict[str, Any]:
    """Return the data set of a split with the test pipeline.

    Raises:
        ValueError: the config has no such split, or wraps its data set.
    """
    config = copy.deepcopy(require(cfg, f'{split}_dataloader.dataset'))
    if split == 'test':
        return config
    [test, *_] = data_sets(require(cfg, 'test_dataloader.dataset'))
    pipeline = test.get('pipeline')
    if pipeline is None:  # which the key of a plain data set names
        pipeline = require(cfg, 'test_dataloader.dataset.pipeline')
    for dataset in data_sets(config):
        if 'pipeline' not in dataset:
            raise ValueError(
                f'`{split}_dataloader.dataset` is a {dataset.get("type")} '
                'without a `pipeline` to replace; give a plain data set by '
                '--cfg-options'
            )
        dataset['pipeline'] = pipeline
    return config


def choose_places(
    network: nn.Module,
    cfg: Config,
    room: int,
    path: str | Path,
    combinations: Sequence[str] | None = None,
) -> None:
    """Write the most important sites whose numbers fit, for adapters to use.

    Importance is how strongly the loss pulls at a site where a modality is
    missing, on training images without augmentation.

    Args:
        network: A segmentor with the weights of the base.
        cfg: Config of the network.
        room: For how many numbers of a combination there is room.
        path: Path of the file.
        combinations: Combinations to be learnt; default: all.

    Raises:
        ValueError: not one site fits.
    """
    probe = build_probe(network, cfg.model, None, combinations)
    probe = probe.to(get_device()).requires_grad_(False).eval()
    [(_, root)] = adapted(probe)
    bank = root.adapters.requires_grad_(True).train()
    sensitivity = Sensitivity(probe, bank, bank.rows.names)
    dataset = DATASETS.build(dataset_config(cfg, 'train'))
    images = EvenImages(dataset, IMAGES, BATCH)
    count = min(BATCHES, len(images))
    for data in track(islice(images, count), 'choose the places', count):
        batch = probe.data_preprocessor(dict(data), True)
        list(sensitivity.add(batch['inputs'], batch['data_samples']))
    found = sensitivity.report()
    names = [site.name for site in bank.sites]
    scores = combine(
        {c: [getattr(d[n], BY) for n in names] for c, d in found.items()}
    )
    chosen = fitting(scores, bank.widths, room)
    if not chosen:
        raise ValueError(
            f'--budget leaves room for {room:,} numbers, and the most '
            'important site has more; raise it'
        )
    write_sites(path, [names[i] for i in chosen], by=BY, numbers=room)


def fitting(
    scores: Sequence[float], costs: Sequence[int], room: int
) -> list[int]:
    """Return the best sites that fit together, in network order.

    >>> fitting([3.0, 1.0, 2.0], [4, 1, 4], 8)
    [0, 2]
    """
    chosen = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i]):
        if scores[index] > 0 and costs[index] <= room:
            chosen.append(index)
            room -= costs[index]
    return sorted(chosen)
