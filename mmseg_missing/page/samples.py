"""Where the frames of the page come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from ..apis.arrays import one_dataset
from ..apis.frames import FrameReader
from ..datasets.scene_dataset import MOST_SCENES, SceneDataset
from ..datasets.transforms.file_format import file_list
from ..datasets.transforms.reading import pixels_of
from ..remote import located
from ..startup.checks import require
from ..startup.sentences import last_line
from ..values import VOID, whole

MOST_BYTES = 64 * 2**20
"""What an uploaded file may have."""
MOST_PIXELS = 2**21
"""What an image may have: full HD is less. A larger one may need more memory
than there is, and would take the page down for all."""


@dataclass(frozen=True)
class Sample:
    """One frame, and its truth where that is known.

    Args:
        name: What people may call it.
        frame: (H, W, C) by modality; others are absent.
        label: (H, W) class indices, 255: unknown.
    """

    name: str
    frame: Mapping[str, np.ndarray]
    label: np.ndarray | None = None


class Samples:
    """Scenes by number, samples of the test data, files that people have.

    Args:
        cfg: Of the network; its ``test_dataloader`` says what its data are.

    Attributes:
        data: The test data set; None: it is not at hand.
        reason: Why it is not, in a sentence.
    """

    def __init__(self, cfg: Config) -> None:
        given = one_dataset(require(cfg, 'test_dataloader'))
        steps = require(given, 'pipeline')
        self._takes_gaps = any(
            s.get('absent_file') == 'missing' for s in steps
        )
        labels = [s for s in steps if str(s['type']).endswith('LoadLabel')]
        self._given = {**given, 'pipeline': labels}
        self._read = FrameReader(cfg)
        self.reason = ''
        init_default_scope(cfg.get('default_scope', 'mmseg'))
        try:
            self.data = DATASETS.build(self._given)
        except (OSError, ValueError) as error:
            self.data, self.reason = None, last_line(error)

    @property
    def has_scenes(self) -> bool:
        """Whether the network knows the built-in scenes."""
        return isinstance(self.data, SceneDataset)

    def __len__(self) -> int:
        return 0 if self.data is None else len(self.data)

    def scene(self, number: int) -> Sample:
        """Return a scene that no training has shown.

        Args:
            number: The seed of a collection of its own.

        Raises:
            ValueError: no such number, or a network for other data.
        """
        if not self.has_scenes:
            raise ValueError(
                'this network does not know the built-in scenes; choose a '
                'sample of its data, or upload files'
            )
        number = whole('the number of a scene', number, 0, MOST_SCENES)
        only = {'num_scenes': 1, 'seed': number, 'absence': None}
        [info] = _infos(DATASETS.build({**self._given, **only}))
        return self._rendered(f'scene {number}', info)

    def sample(self, index: int) -> Sample:
        """Return one of the test data.

        Raises:
            ValueError: no such number, data that are not at hand, or files
                that are broken.
        """
        if not len(self):
            raise ValueError(
                'the test data of this config are not at hand'
                f'{f" ({self.reason})" if self.reason else ""}; upload files'
            )
        last = len(self) - 1
        index = whole('the number of a test sample', index, 0, last)
        info, name = self.data.get_data_info(index), f'test sample {index}'
        if 'modalities' in info:
            return self._rendered(name, info)
        frame = self._read(self._there(info))
        return Sample(name, _with_channels(frame), self._label(info, frame))

    def uploaded(self, files: Mapping[str, str | Path | None]) -> Sample:
        """Return the frame that some files hold, decoded as the data are.

        Args:
            files: By modality a path, or None: it is absent.

        Raises:
            ValueError: no file, or one that is broken or too large.
        """
        paths = {n: Path(path) for n, path in files.items() if path}
        if not paths:
            raise ValueError('upload the file of at least one sensor')
        frame = {}
        for name, path in paths.items():
            try:
                _check_size(path, pixels_of(path))
                frame.update(self._read({name: path}))
            except (ValueError, TypeError, OSError) as error:
                # People know their file by its name, not by where it is now.
                text = last_line(error).replace(str(path), path.name)
                raise ValueError(f'{name}: {text}') from error
            _check_size(path, frame[name].size // frame[name].shape[-1])
        return Sample(next(iter(paths.values())).stem, _with_channels(frame))

    def _rendered(self, name: str, info: Mapping[str, Any]) -> Sample:
        has = info['present']
        frame = {n: a for n, a in info['modalities'].items() if has[n]}
        return Sample(name, frame, _known(info['gt_seg_map']))

    def _there(self, info: Mapping[str, Any]) -> dict[str, Any]:
        """Return the paths of what a sample has."""
        backend = self._given.get('backend_args')
        return {
            name: paths
            for name, paths in info['modality_paths'].items()
            if paths
            and name not in info.get('absent', ())
            and not (
                self._takes_gaps
                and any(
                    not located(file, backend).is_file()
                    for file in file_list(paths)
                )
            )
        }

    def _label(
        self, info: Mapping[str, Any], frame: Mapping[str, np.ndarray]
    ) -> np.ndarray | None:
        size = next(iter(frame.values())).shape[:2] if frame else None
        if size is None or not self.data.pipeline.transforms:
            return None
        found = self.data.pipeline({**info, 'ori_shape': size})
        return _known(found['gt_seg_map'])


def _infos(data: Any) -> list[dict[str, Any]]:
    return [data.get_data_info(index) for index in range(len(data))]


def _known(label: np.ndarray) -> np.ndarray | None:
    """Return a label that says something of some pixel."""
    return label if (label != VOID).any() else None


def _with_channels(frame: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: array[..., None] if array.ndim == 2 else array
        for name, array in frame.items()
    }


def _check_size(path: Path, pixels: int) -> None:
    """Refuse what memory may not hold.

    Raises:
        ValueError: too many bytes or pixels.
    """
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(
            f"file '{path.name}' has {size / 2**20:.3g} MB, the page takes "
            f'{MOST_BYTES / 2**20:.3g}; use `mmseg-missing predict`'
        )
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"file '{path.name}' has {pixels / 1e6:.1f} million pixels, the "
            f'page takes {MOST_PIXELS / 1e6:.1f}; make it smaller, or use '
            '`mmseg-missing predict`'
        )
