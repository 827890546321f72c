"""The text of configs for a folder of one's own: what was guessed, and why.

Beside each value that was guessed stands how sure it is and what says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets.checks import ChannelStatistics
from ...datasets.guessing import A_GUESS, LIKELY, FolderGuess, Guess
from ...datasets.guessing.labels import LabelGuess
from ...datasets.guessing.modalities import ModalityGuess
from .notes import comment, noted, printable
from .sizes import (
    BATCH_SIZE,
    ITERATIONS,
    STRIDE,
    batch_size_of,
    epochs_of,
    size_in_training,
)

SPLITS = ('train', 'val', 'test')
CHECKPOINTS = 10
LEAST_STD = 1e-6  # of a modality that never changes

DATA = """\
# Written by `mmseg-missing new`. Beside each guess stands how sure it is and
# why; where it is wrong, change it here. samples.csv has a row per sample; its
# column `split` says train, val or test: edit it like any table.
data_root = {data_root!r}  # where paths of samples.csv begin
{classes}num_classes = len(classes)
modalities = [
{modalities}]
in_channels = [m['channels'] for m in modalities]
# value in its unit = stored value * scale + offset
formats = {{
{formats}}}
{scale}{load}load_label = dict(
    type='LoadLabel',
    num_classes=num_classes,
{load_label})
train_pipeline = [
    load_modalities,
    load_label,
    dict(
        type='RandomResizeModalities',
        scale=scale,
        ratio_range=(1.0, 1.5),
        keep_ratio=False,
    ),
    dict(type='RandomCropModalities', crop_size=scale[::-1]),
    dict(type='RandomFlipModalities', prob=0.5),
    dict(type='PackModalities'),
]
test_pipeline = [
    load_modalities,
    dict(type='ResizeModalities', scale=scale),
    load_label,
    dict(type='PackModalities'),
]
dataset = dict(
    type='FolderDataset',
    data_root=data_root,
    manifest='{{{{ fileDirname }}}}/samples.csv',
    modalities=modalities,
    formats=formats,
{dataset})
{split}train_dataloader = dict(
    batch_size={batch_size},
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split='train', pipeline=train_pipeline, **dataset),
)
test_dataloader = dict(
    batch_size={test_batch_size},
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(split={test!r}, pipeline=test_pipeline, **dataset),
)
test_cfg = dict(type='CombinationTestLoop')
test_evaluator = dict(type='CombinationIoUMetric')
val_dataloader = dict(
    test_dataloader, dataset=dict(test_dataloader['dataset'], split='val')
)
# With all modalities, which is quick; 'every': each combination of them.
val_cfg = dict(type='CombinationValLoop', present='full')
val_evaluator = test_evaluator
"""

NETWORK = """\
# mmseg-missing train {config}
# Result: not run yet
{purpose}_base_ = [
    '{bases}/default_runtime.py',
    '{bases}/models/{name}.py',
    'data.py',
    '{bases}/schedules/small.py',
]
model = dict(
    stack=_base_.modalities,
    backbone=dict(
        in_channels=_base_.in_channels,
{keys}    ),
    decode_head=dict(num_classes=_base_.num_classes),
)
train_cfg = dict(
{epochs}    val_begin=1,
    val_interval={interval},
)
default_hooks = dict(checkpoint=dict(interval={interval}))
"""


@dataclass(frozen=True)
class Network:
    """A network to choose from.

    Args:
        name: its file in ``_base_/models``, which begins the config's name.
        purpose: when to take it.
        keys: of its backbone, beside ``in_channels``, and why each.
    """

    name: str
    purpose: str
    keys: Sequence[tuple[str, str]] = ()


def data_text(
    guess: FolderGuess,
    pixels: int,
    measured: Mapping[str, ChannelStatistics] | None = None,
    images: int = 0,
) -> str:
    """Return the config of the data.

    Args:
        guess: what the folder holds.
        pixels: of an image in training, about.
        measured: mean and deviation of each modality; none yet: 0 and 1.
        images: how many were measured.
    """
    measured = measured or {}
    counts = ', '.join(f'{guess.count(split)} {split}' for split in SPLITS)
    return DATA.format(
        data_root=str(guess.root),
        classes=_classes(guess.label),
        modalities=''.join(
            _modality(m, measured.get(m.name.value), images)
            for m in guess.modalities
        ),
        formats=''.join(map(_format, guess.modalities)),
        scale=_scale(guess, pixels),
        load=_load(guess.may_be_absent),
        load_label=''.join(
            noted(f'{key}={_option(value.value)},', value, 1)
            for key, value in guess.label.options.items()
        ),
        dataset=_dataset(guess.label),
        split=comment(f'Samples: {counts}. {guess.split}'),
        batch_size=batch_size_of(guess.count('train')),
        test_batch_size=BATCH_SIZE,
        test='test' if guess.count('test') else 'val',
    )


def network_text(
    network: Network, guess: FolderGuess, config: str, bases: Path
) -> str:
    """Return the config of a network on the data.

    Args:
        network: which.
        guess: what the folder holds.
        config: path of the file, for its first line.
        bases: path of ``_base_`` from the config's folder.
    """
    images = guess.count('train')
    epochs = epochs_of(images)
    reason = f'{images} images, about {ITERATIONS} iterations'
    return NETWORK.format(
        config=printable(config),
        purpose=comment(network.purpose),
        bases=bases.as_posix(),
        name=network.name,
        keys=''.join(
            comment(why, 2) + f'        {key},\n' for key, why in network.keys
        ),
        epochs=noted(
            f'max_epochs={epochs},', Guess(epochs, A_GUESS, reason), 1
        ),
        interval=max(1, epochs // CHECKPOINTS),
    )


def open_questions(guess: FolderGuess) -> Iterator[tuple[str, Guess]]:
    """Yield what was guessed and is not sure, the least sure first."""
    label = guess.label
    found = {'split': guess.split, 'classes': label.classes}
    found |= {f'`{key}` of labels': v for key, v in label.options.items()}
    if label.reduce_zero_label is not None:
        found['reduce_zero_label'] = label.reduce_zero_label
    for modality in guess.modalities:
        name, unit = modality.name.value, modality.unit
        found |= {name: modality.name, f'unit of {name}': unit}
        for key, value in modality.form.items():
            if value.confidence != unit.confidence or key not in UNIT_KEYS:
                found[f'`{key}` of {name}'] = value
    for confidence in (A_GUESS, LIKELY):
        yield from (
            (key, value)
            for key, value in found.items()
            if value.confidence == confidence
        )


UNIT_KEYS = ('scale', 'offset')


def _classes(label: LabelGuess) -> str:
    names = ''.join(f'    {name!r},\n' for name in label.classes.value)
    text = noted('classes = (', label.classes) + f'{names})\n'
    if label.colours is None:
        return text
    rows = ''.join(f'    {list(colour)},\n' for colour in label.colours)
    return f'{text}palette = [\n{rows}]\n'


def _modality(
    modality: ModalityGuess, measured: ChannelStatistics | None, images: int
) -> str:
    mean, std = [0.0], [1.0]
    if measured is not None:
        mean = _rounded(measured.mean)
        std = _rounded(np.maximum(measured.std, LEAST_STD))
    how = f'measured on {images} images, {modality.unit.value}'
    unit = Guess(None, modality.unit.confidence, how)
    lines = [
        noted(f'name={modality.name.value!r},', modality.name, 2),
        noted(f'channels={modality.channels.value},', modality.channels, 2),
        noted(f'mean={mean},', unit, 2),
        f'        std={std},\n',
        *(
            noted(f'{key}={value.value!r},', value, 2)
            for key, value in modality.extras.items()
        ),
    ]
    return f'    dict(\n{"".join(lines)}    ),\n'


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f'{value:.4g}') for value in values]


def _format(modality: ModalityGuess) -> str:
    lines = ''.join(
        noted(f'{key}={_number(value.value)},', value, 2)
        for key, value in modality.form.items()
    )
    unit = comment(f'{modality.unit.value}; {modality.unit}', 1)
    return f'{unit}    {modality.name.value!r}: dict(\n{lines}    ),\n'


def _number(value: Any) -> str:
    """Return what a config can hold; infinity has no literal."""
    if isinstance(value, list):
        return f'[{", ".join(map(_number, value))}]'
    return f"float('{value}')" if str(value).endswith('inf') else repr(value)


def _option(value: Any) -> str:
    """Return an option of LoadLabel; colours as people write them."""
    if not isinstance(value, Mapping) or max(value) <= 0xFFFF:
        return repr(value)
    pairs = (f'0x{colour:06x}: {index}' for colour, index in value.items())
    return f'{{{", ".join(pairs)}}}'


def _scale(guess: FolderGuess, pixels: int) -> str:
    height, width = size_in_training(guess.size.value, pixels)
    file_height, file_width = guess.size.value
    reason = (
        f'(width, height) in training and tests, multiples of {STRIDE}; '
        f'({file_width}, {file_height}) in {guess.size.reason}'
    )
    if height * width < file_height * file_width:
        reason += '; larger is better and slower'
    return noted(f'scale = ({width}, {height})', Guess(None, A_GUESS, reason))


def _load(may_be_absent: Guess) -> str:
    if not may_be_absent.value:
        return "load_modalities = dict(type='LoadModalities')\n"
    absent = noted("absent_file='missing',", may_be_absent, 1)
    return f"load_modalities = dict(\n    type='LoadModalities',\n{absent})\n"


def _dataset(label: LabelGuess) -> str:
    palette = '' if label.colours is None else ', palette=palette'
    text = f'    metainfo=dict(classes=classes{palette}),\n'
    if label.reduce_zero_label is None:
        return text
    return text + noted('reduce_zero_label=True,', label.reduce_zero_label, 1)
