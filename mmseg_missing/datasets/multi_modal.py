"""What data sets with one file per modality share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset

from .depth import DepthEncoder
from .pipeline import complete_pipeline

FORMAT_KEYS = (
    'folder',
    'suffix',
    'dtype',
    'scale',
    'offset',
    'channels',
    'encode',
)


class MultiModalDataset(BaseSegDataset):
    """A list of names; each names one file per modality and one label.

    Data sets with a published layout inherit it; a config for files of one's
    own takes ``FolderDataset``.

    A format says where and how a modality is stored:
    ``dict(folder='Depth', suffix='.png', dtype='uint16', scale=0.001)``. The
    value in its unit is ``raw * scale + offset`` (defaults: dtype 'uint8',
    scale 1, offset 0). ``channels=[3]`` takes these channels of the file
    (default: all), so one file may hold several modalities. Depth that the
    network is to see otherwise is encoded while it is read:
    ``hha=dict(folder='Depth', ..., encode=dict(encoding='hha',
    camera='nyuv2'))``; see
    :class:`mmseg_missing.datasets.depth.DepthEncoder`.

    Args:
        data_root: folder of the data set.
        modalities: names in stack order, or the config's list of dicts.
        names: file names without folder and suffix, one per sample.
        formats: a format per modality that the data set knows.
        label_folder: folder of the label files, ``<name>.png``; None where
            there are none: a teacher can learn from such images. To train on
            both, join data sets by ``dict(type='ConcatDataset',
            datasets=[...], ignore_keys=['split'])``.
        pipeline: steps; those that take ``modalities`` get the data set's.
        **kwargs: of ``BaseSegDataset``: ``test_mode``, ...
    """

    def __init__(
        self,
        data_root: str,
        modalities: Sequence[str | Mapping],
        names: Sequence[str],
        formats: Mapping[str, Mapping[str, Any]],
        label_folder: str | None,
        pipeline: Sequence[Any] = (),
        **kwargs,
    ) -> None:
        self.names = list(names)
        self.formats = checked_formats(modalities, formats)
        self.label_folder = label_folder
        pipeline = complete_pipeline(pipeline, modalities)
        super().__init__(data_root=data_root, pipeline=pipeline, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return one dict per sample, paths and file formats included."""
        formats = {
            modality: {
                key: form[key]
                for key in ('dtype', 'scale', 'offset', 'channels', 'encode')
                if key in form
            }
            for modality, form in self.formats.items()
        }
        return [
            {
                'modality_paths': self._paths(name),
                'modality_formats': formats,
                'seg_map_path': self._label_path(name),
                'labelled': self.label_folder is not None,
                'label_map': self.label_map,
                'reduce_zero_label': self.reduce_zero_label,
                'seg_fields': [],
            }
            for name in self.names
        ]

    def _label_path(self, name: str) -> str | None:
        if self.label_folder is None:
            return None
        return str(Path(self.data_root, self.label_folder, f'{name}.png'))

    def _paths(self, name: str) -> dict[str, str]:
        root = Path(self.data_root)
        return {
            modality: str(root / form['folder'] / (name + form['suffix']))
            for modality, form in self.formats.items()
        }


def merge_formats(
    known: Mapping[str, Mapping], changes: Mapping[str, Mapping] | None
) -> dict[str, dict]:
    """Return ``known`` with the user's changes, key by key."""
    changes = changes or {}
    return {
        name: {**known.get(name, {}), **changes.get(name, {})}
        for name in [*known, *(n for n in changes if n not in known)]
    }


def modality_names(modalities: Sequence[str | Mapping]) -> list[str]:
    """Return the names in stack order."""
    return [m if isinstance(m, str) else m['name'] for m in modalities]


def checked_formats(
    modalities: Sequence[str | Mapping], formats: Mapping[str, Mapping]
) -> dict[str, dict]:
    """Return the format of every modality of the stack, in its order.

    Raises:
        ValueError: no format, or one with other keys than it takes.
    """
    return {
        name: _checked_format(name, formats)
        for name in modality_names(modalities)
    }


def _checked_format(name: str, formats: Mapping[str, Mapping]) -> dict:
    if name not in formats:
        raise ValueError(
            f"unknown modality '{name}'; this data set has {list(formats)}, "
            f'more are described by `formats=dict({name}=dict(folder=..., '
            'suffix=...))`'
        )
    unknown = set(formats[name]) - set(FORMAT_KEYS)
    if unknown or not {'folder', 'suffix'} <= set(formats[name]):
        raise ValueError(
            f"the format of '{name}' takes {list(FORMAT_KEYS)}, 'folder' and "
            f"'suffix' always, got {list(formats[name])}; check `formats`"
        )
    channels = formats[name].get('channels', [0])
    if not channels or any(c < 0 for c in channels):
        raise ValueError(
            f"`channels` in the format of '{name}' must list channels of the "
            f'file, from 0, got {channels}; check `formats`'
        )
    np.dtype(formats[name].get('dtype', 'uint8'))  # unknown: TypeError, early
    if formats[name].get('encode'):
        DepthEncoder(**formats[name]['encode'])  # wrong: ValueError, early
    return dict(formats[name])
