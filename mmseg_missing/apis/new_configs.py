"""The text of configs for a folder of one's own: what was guessed, and why.

Beside each value that was guessed stands how sure it is and what says so.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.checks import ChannelStatistics
from ..datasets.guessing import A_GUESS, FolderGuess, Guess
from ..datasets.guessing.labels import LabelGuess
from ..datasets.guessing.modalities import ModalityGuess
from .new_sizes import (
    BATCH_SIZE,
    ITERATIONS,
    STRIDE,
    batch_size_of,
    epochs_of,
    size_in_training,
)
from .noted import comment, noted, printable

CHECKPOINTS = 10
ROUNDED = '{:.4g}'


@dataclass(frozen=True)
class Network:
    """A network to choose from.

    Args:
        name: its file in ``_base_/models``, which begins the config's name.
        purpose: when to take it.
        keys: of its backbone, beside ``in_channels``, with a comment each.
    """

    name: str
    purpose: str
    keys: Sequence[tuple[str, str]] = ()


def data_text(
    guess: FolderGuess,
    data_root: str,
    pixels: int,
    measured: Mapping[str, ChannelStatistics] | None = None,
    images: int = 0,
) -> str:
    """Return the config of the data.

    Args:
        guess: what the folder holds.
        data_root: where paths of the table begin.
        pixels: of an image in training, about.
        measured: mean and deviation of each modality; none yet: 0 and 1.
        images: how many were measured.
    """
    parts = [
        _header(guess, data_root),
        _classes(guess.label),
        'modalities = [\n'
        + ''.join(
            _modality(m, (measured or {}).get(m.name.value), images)
            for m in guess.modalities
        )
        + ']\n',
        "in_channels = [m['channels'] for m in modalities]\n",
        'formats = dict(\n' + ''.join(map(_format, guess.modalities)) + ')\n',
        _scale(guess, pixels),
        _pipelines(guess),
        _loaders(guess),
    ]
    return ''.join(parts)


def _header(guess: FolderGuess, data_root: str) -> str:
    return (
        comment(
            'Written by `mmseg-missing new`. Beside each guess stands how '
            'sure it is and why; where it is wrong, change it here. '
            'samples.csv has a row per sample; in its column `split` each is '
            'for train, val or test: edit it like any table.'
        )
        + f'data_root = {data_root!r}  # where paths of samples.csv begin\n'
    )


def _classes(label: LabelGuess) -> str:
    names = ''.join(f'    {name!r},\n' for name in label.classes.value)
    text = noted('classes = (', label.classes) + f'{names})\n'
    text += 'num_classes = len(classes)\n'
    if label.colours is not None:
        rows = ''.join(f'    {list(colour)},\n' for colour in label.colours)
        text += f'palette = [\n{rows}]\n'
    return text


def _modality(
    modality: ModalityGuess, measured: ChannelStatistics | None, images: int
) -> str:
    mean, std = [0.0], [1.0]
    if measured is not None:
        mean = _rounded(measured.mean)
        std = _rounded(np.maximum(measured.std, 1e-6))
    how = f'measured on {images} images; {modality.unit.value}'
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


def _format(modality: ModalityGuess) -> str:
    lines = ''.join(
        noted(f'{key}={_number(value.value)},', value, 2)
        for key, value in modality.form.items()
    )
    lines += comment(f'{modality.unit.value}: {modality.unit}', 2)
    return f'    {modality.name.value}=dict(\n{lines}    ),\n'


def _number(value: Any) -> str:
    """Return what a config can hold; infinity has no literal."""
    if isinstance(value, list):
        return f'[{", ".join(map(_number, value))}]'
    return f"float('{value}')" if str(value).endswith('inf') else repr(value)


def _scale(guess: FolderGuess, pixels: int) -> str:
    height, width = size_in_training(guess.size.value, pixels)
    files_height, files_width = guess.size.value
    reason = (
        f'(width, height) in training and tests, multiples of {STRIDE}; '
        f'files are ({files_width}, {files_height}) in {guess.size.reason}'
    )
    if height * width < files_height * files_width:
        reason += '; larger is better and slower'
    scale = Guess(None, A_GUESS, reason)
    return noted(f'scale = ({width}, {height})', scale)


def _pipelines(guess: FolderGuess) -> str:
    absent = guess.may_be_absent
    load = "dict(type='LoadModalities'"
    load += ", absent_file='missing'),\n" if absent.value else '),\n'
    note = comment(str(absent)) if absent.value else ''
    options = ''.join(
        noted(f'{key}={_options(value.value)},', value)
        for key, value in guess.label.options.items()
    )
    return (
        f'{note}load_modalities = {load.rstrip()[:-1]}\n'
        f"load_label = dict(\n    type='LoadLabel',\n"
        f'    num_classes=num_classes,\n{textwrap.indent(options, "    ")})\n'
        """train_pipeline = [
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
"""
    )


def _options(value: Any) -> str:
    if not isinstance(value, Mapping):
        return repr(value)
    is_colour = max(value) > 0xFFFF
    keys = {k: f'0x{k:06x}' if is_colour else str(k) for k in value}
    return '{' + ', '.join(f'{keys[k]}: {v}' for k, v in value.items()) + '}'


def _loaders(guess: FolderGuess) -> str:
    train = guess.count('train')
    test = 'test' if guess.count('test') else 'val'
    label = guess.label
    metainfo = 'classes=classes'
    metainfo += ', palette=palette' if label.colours is not None else ''
    reduced = ''
    if label.reduce_zero_label is not None:
        reduced = noted('reduce_zero_label=True,', label.reduce_zero_label, 1)
    counts = ', '.join(f'{guess.count(s)} {s}' for s in SPLITS)
    return (
        "dataset = dict(\n    type='FolderDataset',\n"
        '    data_root=data_root,\n'
        "    manifest='{{ fileDirname }}/samples.csv',\n"
        '    modalities=modalities,\n    formats=formats,\n'
        f'    metainfo=dict({metainfo}),\n{reduced})\n'
        + comment(f'Samples: {counts}. {guess.split}')
        + _loader('train', 'train', batch_size_of(train))
        + _loader('val', 'val', BATCH_SIZE)
        + _loader('test', test, BATCH_SIZE)
        + "evaluator = dict(type='CombinationIoUMetric')\n"
        'val_evaluator = test_evaluator = evaluator\n'
        + comment(
            "'full' is quick; 'every' scores each combination of modalities"
        )
        + "val_cfg = dict(type='CombinationValLoop', present='full')\n"
        "test_cfg = dict(type='CombinationTestLoop')\n"
    )


SPLITS = ('train', 'val', 'test')


def _loader(name: str, split: str, batch_size: int) -> str:
    is_train = name == 'train'
    sampler = 'shuffle=True' if is_train else 'shuffle=False, round_up=False'
    pipeline = 'train_pipeline' if is_train else 'test_pipeline'
    return (
        f'{name}_dataloader = dict(\n    batch_size={batch_size},\n'
        '    num_workers=0,\n'
        f"    sampler=dict(type='DefaultSampler', {sampler}),\n"
        f"    dataset=dict(split='{split}', pipeline={pipeline}, **dataset),\n"
        ')\n'
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
    train = guess.count('train')
    epochs = epochs_of(train)
    interval = max(1, epochs // CHECKPOINTS)
    keys = ''.join(
        comment(why, 2) + f'        {key},\n' for key, why in network.keys
    )
    reason = f'{train} images for training, about {ITERATIONS} iterations'
    return (
        f'# mmseg-missing train {printable(config)}\n# Result: not run yet\n'
        + comment(network.purpose)
        + '_base_ = [\n'
        f'    {str(bases / "default_runtime.py")!r},\n'
        f'    {str(bases / "models" / network.name) + ".py"!r},\n'
        "    'data.py',\n"
        f'    {str(bases / "schedules" / SCHEDULE)!r},\n'
        ']\n'
        + noted(f'max_epochs = {epochs}', Guess(None, A_GUESS, reason))
        + 'model = dict(\n    stack=_base_.modalities,\n    backbone=dict(\n'
        f'        in_channels=_base_.in_channels,\n{keys}    ),\n'
        '    decode_head=dict(num_classes=_base_.num_classes),\n'
        ')\n'
        f'train_cfg = dict(max_epochs=max_epochs, val_interval={interval})\n'
        f'default_hooks = dict(checkpoint=dict(interval={interval}))\n'
        + SCHEDULERS
    )


SCHEDULE = '15e.py'
SCHEDULERS = """param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        begin=0,
        end=1,
        convert_to_iter_based=True,
    ),
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0.0,
        begin=1,
        end=max_epochs,
        convert_to_iter_based=True,
    ),
]
"""


def _rounded(values: Any) -> list[float]:
    return [float(ROUNDED.format(value)) for value in values]


def open_questions(guess: FolderGuess) -> Iterator[tuple[str, Guess]]:
    """Yield what was guessed and is not sure, the least sure first."""
    found = [('split', guess.split), ('classes', guess.label.classes)]
    label = guess.label
    found += [(f'label {key}', value) for key, value in label.options.items()]
    if label.reduce_zero_label is not None:
        found.append(('reduce_zero_label', label.reduce_zero_label))
    for modality in guess.modalities:
        name = modality.name.value
        found += [(name, modality.name), (f'unit of {name}', modality.unit)]
        found += [
            (f'{key} of {name}', value)
            for key, value in modality.form.items()
            if value.reason not in (modality.unit.reason, 'with this scale')
        ]
    for confidence in (A_GUESS, 'likely'):
        yield from ((k, v) for k, v in found if v.confidence == confidence)
