"""Frames from files, as the data set of a config reads them."""

from __future__ import annotations

from collections.abc import Mapping
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
from .inferencer import one_dataset


class FrameReader:
    """Read one file per modality into a frame for the ``Inferencer``.

    How files are stored is what the test data set says. Where its files are
    not at hand, that is what ``formats`` of the config says; a modality of
    which it says nothing is taken as it is, in the unit of training.

    Args:
        cfg: Config of the network.

    Attributes:
        names: The modalities that a frame may have.
    """

    def __init__(self, cfg: Config) -> None:
        dataset = one_dataset(require(cfg, 'test_dataloader'))
        self._stack = Stack(require(cfg, 'model.stack'))
        given = dataset.get('modalities') or list(self._stack.names)
        self.names = tuple(modality_names(given))
        self._formats, self._columns = _formats(cfg, dataset)

    def __call__(self, files: Mapping[str, Path]) -> dict[str, np.ndarray]:
        """Return an array per modality.

        Args:
            files: By modality; what is left out is absent.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a file that is not stored as the data set says.
        """
        return {name: self._read(name, path) for name, path in files.items()}

    def _read(self, name: str, path: Path) -> np.ndarray:
        form = dict(self._formats.get(name) or {})
        if not form:
            return cut_columns(read_array(path), self._columns, str(path))
        known = name in self._stack.names
        modality = self._stack[name] if known else Modality(name, channels=1)
        if form.pop('encode', None):  # the Inferencer does it, holes too
            form.pop('nodata', None)
            modality = Modality(name, channels=1)
        return load_modality([str(path)], modality, form, self._columns)


def _formats(cfg: Config, dataset: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the formats of files, and the columns that are taken."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    try:
        built = DATASETS.build({**dataset, 'pipeline': []})
    except (OSError, ValueError):  # the data are not at hand
        return dataset.get('formats') or {}, None
    formats = getattr(built, 'formats', None)
    return formats or {}, getattr(built, 'columns', None)
