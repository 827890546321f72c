"""Write configs for a folder of one's own: what it holds is guessed."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from ..datasets.checks import SampleChecks, Summary, findings
from ..datasets.guessing import FolderGuess, look_at
from ..evaluation import check_writable
from ..modality import Stack
from ..startup.config_files import shipped
from ..visualization.pictures import (
    contact_sheet,
    sample_pictures,
    write_picture,
)
from .model import read_config
from .new_configs import Network, data_text, network_text
from .new_sizes import PIXELS_CPU, PIXELS_GPU, epochs_of

DATA, TABLE, SHEET = 'data.py', 'samples.csv', 'samples.png'
BASES = '_base_'
# More images hardly change mean and deviation.
MOST_MEASURED = 400
ROWS_OF_SHEET = 6
SHEET_WIDTH = 192
IMAGENET = 'data/mobilenet_v2_imagenet.pth'


@dataclass(frozen=True)
class NewConfigs:
    """What :func:`new` wrote.

    Args:
        guess: what the folder holds.
        data: config of the data.
        networks: configs to train, the recommended one first.
        sheet: a picture of some samples.
        problems: a sentence for whatever is wrong with the files.
    """

    guess: FolderGuess
    data: Path
    networks: list[Path]
    sheet: Path
    problems: list[str]

    @property
    def files(self) -> dict[Path, str]:
        """What was written, and what it is for."""
        table = self.data.with_name(TABLE)
        first, *others = self.networks
        return {
            self.sheet: 'a picture of some samples',
            self.data: 'what was guessed, and why; change it here',
            table: 'a row per sample, and its split',
            first: 'a network to train',
            **dict.fromkeys(others, 'another one'),
        }

    @property
    def last_checkpoint(self) -> Path:
        """What training the first network writes last."""
        epochs = epochs_of(self.guess.count('train'))
        folder = Path('work_dirs') / self.networks[0].stem
        return folder / f'epoch_{epochs}.pth'


def new(
    source: str | Path,
    out: str | Path,
    modalities: Mapping[str, str] | None = None,
    labels: str | None = None,
    classes: str | Path | None = None,
    overwrite: bool = False,
) -> NewConfigs:
    """Look at a folder, and write a config of its data and of two networks.

    Args:
        source: folder, or a table (.csv, .json) of files.
        out: folder of the configs.
        modalities: names that are known, and the folder of each.
        labels: the folder of the labels.
        classes: a file with a line per class.
        overwrite: write over configs that are there.

    Raises:
        FileNotFoundError: no such folder or file.
        OSError: ``out`` cannot be written.
        ValueError: several readings of the folder fit, or none; or ``out``
            holds configs.

    Example:
        >>> new('data/mine', 'configs/mine')  # doctest: +SKIP
    """
    out = Path(out)
    if (out / DATA).exists() and not overwrite:
        raise ValueError(
            f"'{out}' has a {DATA} already; choose another --out, or write "
            'over it by --overwrite'
        )
    guess = look_at(source, modalities, labels, classes)
    check_writable(out)
    _write_table(out / TABLE, guess)
    problems = _write_data(out / DATA, guess)
    bases = _bases(out)
    paths = []
    for network in _networks(guess.count('train')):
        path = out / f'{network.name}_{_word(out)}.py'
        path.write_text(
            network_text(network, guess, str(path), bases), 'utf-8'
        )
        paths.append(path)
    _draw(out / SHEET, out / DATA)
    return NewConfigs(guess, out / DATA, paths, out / SHEET, problems)


def _word(out: Path) -> str:
    """Return the folder's name, as a part of names of files."""
    return re.sub(r'[^\w-]+', '-', out.resolve().name) or 'mine'


def _networks(samples: int) -> list[Network]:
    cmnext = 'cmnext_narrow' if samples > 2000 else 'cmnext_small'
    keys = []
    if not Path(IMAGENET).is_file():
        keys.append(
            (
                'backbone=dict(init_cfg=None)',
                f'Random weights. With {IMAGENET} (`mmseg-missing convert '
                'mobilenetv2` writes it) delete this line, and set mean 127 '
                'and std 127.5 of rgb: with few images they help much.',
            )
        )
    return [
        Network(
            cmnext,
            'CMNeXt: the first modality leads, the others join it. Others: '
            'the files in _base_/models.',
        ),
        Network(
            'two-stream_mobilenet-v2',
            'One MobileNetV2 per modality, fused level by level; each may '
            'start from ImageNet weights.',
            keys,
        ),
    ]


def _bases(out: Path) -> Path:
    """Return the path of ``_base_`` as configs in ``out`` write it.

    Inside the checkout it is the checkout's. Elsewhere it is a copy beside
    the configs, so that their folder can be moved, and an update of this
    package changes nothing in them.
    """
    ours = shipped('configs').resolve()
    if out.resolve().is_relative_to(ours.parent):
        return Path(os.path.relpath(ours / BASES, out.resolve()))
    ignored = shutil.ignore_patterns('datasets', '__pycache__')
    shutil.copytree(
        ours / BASES, out / BASES, ignore=ignored, dirs_exist_ok=True
    )
    return Path(BASES)


def _write_table(path: Path, guess: FolderGuess) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, list(guess.rows[0]), lineterminator='\n')
        writer.writeheader()
        writer.writerows(guess.rows)


def _write_data(path: Path, guess: FolderGuess) -> list[str]:
    """Write the data's config, once to measure by it, and once measured."""
    pixels = PIXELS_GPU if torch.cuda.is_available() else PIXELS_CPU
    path.write_text(data_text(guess, pixels), 'utf-8')
    summary = _measure(read_config(path), guess.count('train'))
    images = summary.samples
    path.write_text(
        data_text(guess, pixels, summary.statistics, images), 'utf-8'
    )
    cfg = read_config(path)
    summary.stack = Stack(cfg.modalities)
    split = 'train' if images == guess.count('train') else None
    found = findings(summary, cfg.classes, split, cfg.formats)
    return [*summary.problems, *found]


def _measure(cfg: Config, samples: int) -> Summary:
    """Read training images as the config says: all, or many of them."""
    init_default_scope('mmseg')
    options = dict(cfg.train_dataloader.dataset)
    if samples > MOST_MEASURED:
        options['indices'] = _spread(samples, MOST_MEASURED)
    checks = SampleChecks(DATASETS.build(options), workers=_workers(samples))
    return Summary(checks.stack, checks)


def _workers(samples: int) -> int:
    """Return the processes that read; few images are quicker in this one."""
    if samples < 2 * MOST_MEASURED // 10:
        return 0
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _spread(total: int, count: int) -> list[int]:
    places = np.linspace(0, total - 1, min(count, total))
    return [int(place) for place in places.round()]


def _draw(path: Path, data: Path) -> None:
    """Write a picture with a row per sample: its modalities and label."""
    cfg = read_config(data)
    width, height = cfg.scale
    factor = max(1, -(-SHEET_WIDTH // width))
    options = cfg.train_dataloader.dataset
    options.pipeline = cfg.test_pipeline
    for step in options.pipeline:
        if step['type'] == 'ResizeModalities':
            step['scale'] = (width * factor, height * factor)
    dataset = DATASETS.build(options)
    stack = Stack(cfg.modalities)
    samples = _readable(dataset, _spread(len(dataset), ROWS_OF_SHEET))
    palette = dataset.metainfo['palette']
    rows = [sample_pictures(sample, stack, palette) for sample in samples]
    write_picture(path, contact_sheet(rows, [*stack.names, 'label']))


def _readable(dataset: Any, indices: Sequence[int]) -> list[dict]:
    """Return the samples that can be read; the others are told elsewhere.

    Raises:
        OSError, ValueError: none can.
    """
    samples, problem = [], None
    for index in indices:
        try:
            samples.append(dataset[index])
        except (OSError, ValueError) as error:
            problem = error
    if problem and not samples:
        raise problem
    return samples
