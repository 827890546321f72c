"""Frames from files, as the data set of a config reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from ..datasets.options import modality_names
from ..datasets.transforms.file_format import cut_columns, load_modality
from ..datasets.transforms.reading import read_array
from ..modality import Modality, Stack
from ..startup.checks import require
from .arrays import one_dataset
from .videos import VideoFrame


class FrameReader:
    """Read one file per modality into a frame for an inferencer.

    How files are stored is what the test data set says. Where its files are
    not at hand, that is what ``formats`` of the config says; a modality of
    which it says nothing is taken as it is, in the unit of training.

    Args:
        cfg: Config of the network.

    Attributes:
        names: The modalities that a frame may have.
        formats: How the files of each are stored, where that is known.
    """

    def __init__(self, cfg: Config) -> None:
        dataset = one_dataset(require(cfg, 'test_dataloader'))
        self._stack = Stack(require(cfg, 'model.stack'))
        given = dataset.get('modalities') or list(self._stack.names)
        self.names = tuple(modality_names(given))
        self.formats, self._columns = _formats(cfg, dataset)

    def __call__(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return an array per modality.

        Args:
            given: By modality a path, a list of paths whose channels are
                stacked, or a :class:`VideoFrame`; arrays stay as they are.
                What is left out or None is absent.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a file that is not stored as the data set says.
        """
        return {
            name: self._loaded(name, value)
            for name, value in given.items()
            if value is not None
        }

    def _loaded(self, name: str, value: Any) -> Any:
        if isinstance(value, VideoFrame):
            channels = self._modality(name).channels
            return self._read(name, [value], lambda _: value.read(channels))
        if isinstance(value, (str, Path)):
            return self._read(name, [value], read_array)
        if _are_paths(value):
            return self._read(name, value, read_array)
        return value

    def _read(
        self, name: str, places: Sequence[Any], read: Callable
    ) -> np.ndarray:
        modality, form = self._modality(name), self._form(name)
        if not form:
            [place] = places
            return cut_columns(read(place), self._columns, str(place))
        if form.pop('encode', None):  # the Inferencer does it, holes too
            form.pop('nodata', None)
            modality = Modality(name, channels=1)
        say_none = {} if read is read_array else {'declared': lambda _: None}
        files = [str(place) for place in places]
        return load_modality(
            files, modality, form, self._columns, read, **say_none
        )

    def _modality(self, name: str) -> Modality:
        if name in self._stack.names:
            return self._stack[name]
        return Modality(name, channels=1)

    def _form(self, name: str) -> dict[str, Any]:
        return dict(self.formats.get(name) or {})


def _are_paths(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, (str, Path)) for each in value
    )


def _formats(cfg: Config, dataset: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the formats of files, and the columns that are taken."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    try:
        built = DATASETS.build({**dataset, 'pipeline': []})
    except (OSError, ValueError):  # the data are not at hand
        return dataset.get('formats') or {}, None
    formats = getattr(built, 'formats', None)
    return formats or {}, getattr(built, 'columns', None)
