"""What a command would do, in words, without doing it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from torch import nn
from torch.utils.data import Dataset

from ..adapters import adapted
from ..engine.hooks.cost_hook import count_parameters
from ..modality import Stack
from .checks import require
from .sentences import naming_section
from .start import adapter_share

WIDTH = 79
# A fact is a word and what there is to say of it.
Facts = Iterable[tuple[str, str]]


def plan_text(facts: Facts) -> str:
    """Return one line or a few for each fact, and that nothing was done."""
    lines = ['dry run, nothing was written or trained:']
    for word, text in facts:
        lines += textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f'  {word:<10}',
            subsequent_indent=' ' * 12,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return '\n'.join(lines)


def build_network(cfg: Config) -> nn.Module:
    """Build a config's network; its weights are random."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    with naming_section('model', cfg.filename):
        return MODELS.build(cfg.model)


def build_data(cfg: Config, split: str) -> Dataset:
    """Build the data set of ``train``, ``val`` or ``test``."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    section = f'{split}_dataloader'
    with naming_section(section, cfg.filename):
        return DATASETS.build(require(cfg, f'{section}.dataset'))


def network_facts(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Say what a network is and how much of it learns."""
    total = count_parameters(network)
    learns = count_parameters(network, trained_only=True)
    yield (
        'network',
        f'{type(network).__name__} of {network.stack.full}: {total:,} '
        f'parameters, {learns:,} of them learn',
    )
    yield 'channels', _channels(network.stack)
    for _, root in adapted(network):
        bank = root.adapters
        names = bank.rows.names
        yield 'adapters', adapter_share(network).removeprefix('adapters: ')
        yield 'sites', f'{len(bank.sites)}'
        yield 'learnt', f'{len(names)} combinations: {", ".join(names)}'


def _channels(stack: Stack) -> str:
    return ', '.join(f'{m.name} {m.channels}' for m in stack)


def data_facts(
    dataset: Dataset, split: str, dataloader: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Say what a data set gives; one sample is loaded."""
    size = dataloader.get('batch_size') or 1
    count = len(dataset)
    kind = type(dataset).__name__
    classes = len(dataset.metainfo.get('classes') or ())
    yield (
        'data',
        f'{count:,} samples of {kind}, {split}, {classes} classes; '
        f'{-(-count // size):,} batches of {size}',
    )
    sample = dataset[0]
    shape = ' x '.join(map(str, sample['inputs'].shape))
    yield 'a sample', f'{shape} (channels x height x width)'


def schedule(cfg: Config) -> str:
    """Say how long a training lasts."""
    loop = cfg.train_cfg
    if loop.get('max_epochs') is not None:
        plural = '' if loop.max_epochs == 1 else 's'
        return f'{loop.max_epochs} epoch{plural}'
    return f'{loop.get("max_iters")} iterations'


def reads(*paths: Any) -> tuple[str, str]:
    """Name files, and say of each that is not there."""
    named = [str(path) for path in paths if path is not None]
    return 'reads', ', '.join(
        path if '://' in path or Path(path).exists() else f'{path} (missing!)'
        for path in named
    )


def writes(*paths: Any) -> tuple[str, str]:
    """Name files, and say of each that would be replaced."""
    named = [str(path) for path in paths if path]
    return 'writes', ', '.join(
        f'{path} (exists)' if Path(path).is_file() else path for path in named
    )
