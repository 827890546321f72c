"""Repair a network without training: adapters in closed form."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from mmseg.registry import DATASETS, MODELS
from torch import nn
from torch.utils.data import Dataset

from ..adapters import (
    adapted,
    adapter_prefixes,
    load_base,
    read_adapter,
    save_adapter,
)
from ..adapters.fitting.closed_form import FITS
from ..adapters.fitting.norm_statistics import find_batch_norms
from ..engine.checkpoints import read_checkpoint
from ..engine.fitting import RIDGE, fit_segmentor
from ..engine.monitoring import MONITOR, fit_monitor
from ..monitoring import add_monitor
from ..startup.adapter_configs import adapter_config, has_adapter
from ..startup.checks import require
from ..startup.classes import check_classes
from ..startup.looking import held_out, mean_ious
from ..startup.sentences import naming_section
from ..values import data_sets
from .arrays import one_dataset
from .model import configure, init_model

# Keys of the config.
NEEDED = (
    'model.stack',
    'train_dataloader.dataset',
    'train_dataloader.batch_size',
)
KINDS = (*FITS, RIDGE, MONITOR)


@dataclass(frozen=True)
class Fitted:
    """What a fit wrote and what it did.

    Args:
        combinations: Combinations in the file.
        seen: Training images that were looked at.
        kept: Other training images, on which it was scored.
        before: mIoU of each combination; empty where nothing is labelled,
            or no adapter changed.
        after: The same with the adapters.
    """

    combinations: tuple[str, ...]
    seen: int
    kept: int
    before: dict[str, float]
    after: dict[str, float]


def fit(
    cfg: Config,
    checkpoint: str | Path,
    out: str | Path,
    by: str = 'moments',
    batches: int = 32,
    present: Sequence[str] | None = None,
    sites: Sequence[str] | None = None,
    device: str = 'cpu',
    seed: int = 0,
) -> Fitted:
    """Write adapters in closed form, and score them on held-out images.

    Args:
        cfg: Config of the base or its adapted sibling; its adapters are set.
        checkpoint: Checkpoint of the base.
        out: Adapter file to write; for ``monitor`` one that is there, to
            which clean statistics of the sensors are added.
        by: A key of ``KINDS``.
        batches: Number of batches of training images to look at.
        present: Combinations; default: all.
        sites: Patterns, or one file of sites; default: the config's, or all.
        device: Where it runs.
        seed: Seed of the order of the images.

    Raises:
        ValueError: files that do not belong together.
    """
    if by == MONITOR:
        return _add_monitor(cfg, checkpoint, out, batches, device, seed)
    model = adapted_base(cfg, checkpoint, by, sites).to(device)
    set_random_seed(seed)
    loader = cfg.train_dataloader
    with naming_section('train_dataloader', cfg.filename):
        dataset = DATASETS.build(loader.dataset)
    check_classes(model, dataset, read_checkpoint(checkpoint), checkpoint)
    size = loader.batch_size
    batches, kept = held_out(len(dataset), batches, size, seed)
    ((name, root),) = adapted(model)
    names = present or root.adapters.rows.names
    before = mean_ious(model, dataset, kept, names)
    seen = fit_segmentor(model, dataset, batches, size, by, present, seed=seed)
    after = mean_ious(model, dataset, kept, names)
    extra = {'fill': model.fill, 'root': name, 'fitted_by': by}
    written = tuple(save_adapter(root, out, extra))
    return Fitted(written, seen, len(kept), before, after)


def _add_monitor(
    cfg: Config,
    checkpoint: str | Path,
    path: str | Path,
    batches: int,
    device: str,
    seed: int,
) -> Fitted:
    """Add clean statistics to an adapter file."""
    metadata, _ = read_adapter(path)
    model = init_model(cfg, checkpoint, path, device)
    dataset = clean_images(cfg)
    size = cfg.train_dataloader.batch_size
    monitor = fit_monitor(model, dataset, batches, size, seed)
    add_monitor(path, monitor)
    names = tuple(metadata['combinations'])
    return Fitted(names, monitor.images, 0, {}, {})


def clean_images(cfg: Config) -> Dataset:
    """Return training images, as the pipeline of the test shows them."""
    chosen = clean_dataset(cfg)
    with naming_section('train_dataloader', cfg.filename):
        return DATASETS.build(chosen)


def clean_dataset(cfg: Config) -> Any:
    """Return the config of the data set of :func:`clean_images`."""
    chosen = copy.deepcopy(require(cfg, 'train_dataloader.dataset'))
    shown = one_dataset(require(cfg, 'test_dataloader'))
    for dataset in data_sets(chosen):
        dataset['pipeline'] = copy.deepcopy(require(shown, 'pipeline'))
    return chosen


def adapted_base(
    cfg: Config,
    checkpoint: str | Path,
    by: str = 'moments',
    sites: Sequence[str] | None = None,
) -> nn.Module:
    """Build the adapted network with the base's weights."""
    for key in NEEDED:
        require(cfg, key)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    found = read_checkpoint(checkpoint)
    configure(cfg, found)
    choose_sites(cfg, by, sites)
    if by == RIDGE and cfg.model.get('imputer') is None:
        cfg.model.imputer = {'type': 'FeatureImputer'}
    with naming_section('model', cfg.filename):
        model = MODELS.build(cfg.model)
    prefixes = adapter_prefixes(model)
    state = {
        key: value
        for key, value in found['state_dict'].items()
        if not key.startswith(prefixes)
    }
    load_base(model, state, checkpoint)
    return model


def choose_sites(cfg: Config, by: str, sites: Sequence[str] | None) -> None:
    """Give the config adapters if it has none, and the sites asked for."""
    if not has_adapter(cfg):
        by_norms = by == 'norm_statistics'
        cfg.model.adapter = {
            'type': 'NormTuning' if by_norms else 'ScaleShift',
            'rows': 'table',  # a closed form for each combination
        }
        if by_norms and not sites:  # those of the head included
            without = dict.fromkeys(('adapter', 'generator', 'imputer'))
            network = MODELS.build({**cfg.model, **without})
            sites = find_batch_norms(network)
    if sites:
        first, *others = sites
        is_file = Path(first).is_file() or first.endswith('.json')
        is_one = is_file and not others
        adapter_config(cfg).sites = first if is_one else list(sites)
