"""The built-in data set: rooms that need no download."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from mmseg_missing.values import flag, listed, whole

from .absence import Absence
from .classes import chosen_metainfo
from .options import check_base_options, check_pipeline, modality_names
from .pipeline import complete_pipeline
from .scenes import CLASSES, PALETTE, SENSORS, render_scene

# Far beyond what anyone renders, and what memory still holds.
MOST_SCENES = 10**6
MOST_PIXELS = 4096


@DATASETS.register_module()
class SceneDataset(BaseSegDataset):
    """Small rooms, ray cast on the fly; ``seed`` and number decide each one.

    A sample comes loaded and labelled: its pipeline starts with geometry or
    with ``PackModalities``. Units, and mean and std over 400 scenes:

    =======  =======  =====================  ==================  ============
    name     dtype    unit                   mean                std
    =======  =======  =====================  ==================  ============
    rgb      uint8    0..255, RGB order      142, 136, 131       42, 39, 46
    depth    float32  metres, 0 = hole       3.24                1.24
    thermal  float32  degrees Celsius        21.9                3.4
    nir      float32  brightness, about 0..1 0.30                0.13
    =======  =======  =====================  ==================  ============

    Only rgb tells a red cabinet from a blue one, depth a bookshelf from a
    poster of one, thermal a person from a mannequin, nir a plant from an
    artificial one. Without nir, ``metainfo=dict(classes=(...))`` without
    the last class ignores the artificial plants.

    Args:
        modalities: names in stack order, or the config's list of dicts.
        num_scenes: length of the data set.
        size: (H, W) in pixels.
        seed: of the whole collection.
        start: number of the first scene. Train, val and test parts are
            ranges that do not overlap: ``start=0, num_scenes=400``, then
            ``start=400``.
        labelled: False leaves the labels aside, as if there were none.
        cache: keep what was rendered in memory (0.1 MB per scene at 64 x 96
            with all sensors; each loader worker has its own cache and needs
            ``persistent_workers=True`` to profit).
        pipeline: steps; those that take ``modalities`` get the data set's.
        metainfo: ``dict(classes=(...))`` takes these classes, in this order;
            pixels of the others are ignored.
        absence: ``dict(depth=0.3, seed=0)``: this share of the scenes lacks
            a modality for good, see
            :class:`~mmseg_missing.datasets.absence.Absence`.
        **kwargs: of ``BaseSegDataset``: ``test_mode``, ...

    Raises:
        TypeError: a value of another kind.
        ValueError: unknown modality, or a number that cannot work.

    >>> scenes = SceneDataset(['rgb', 'depth'], num_scenes=3, size=(32, 48))
    >>> len(scenes), scenes.get_data_info(0)['modalities']['rgb'].shape
    (3, (32, 48, 3))
    """

    METAINFO = {'classes': CLASSES, 'palette': PALETTE}

    def __init__(
        self,
        modalities: Sequence[str | Mapping],
        num_scenes: int,
        size: tuple[int, int] = (64, 96),
        seed: int = 0,
        start: int = 0,
        labelled: bool = True,
        cache: bool = False,
        pipeline: Sequence[Any] = (),
        metainfo: Mapping[str, Any] | None = None,
        absence: Mapping[str, float] | None = None,
        **kwargs,
    ) -> None:
        self.modalities = _checked_names(modalities)
        check_pipeline(pipeline)
        self.absence = Absence(absence, modalities)
        self.num_scenes = whole('num_scenes', num_scenes, 1, MOST_SCENES)
        check_base_options('SceneDataset', kwargs, self.num_scenes)
        self.size = _checked_size(size)
        self.seed = whole('seed', seed, 0)
        self.start = whole('start', start, 0)
        self.labelled = flag('labelled', labelled)
        self.cache = {} if flag('cache', cache) else None
        pipeline = complete_pipeline(pipeline, modalities)
        metainfo = chosen_metainfo('SceneDataset', metainfo, self.METAINFO)
        super().__init__(pipeline=pipeline, metainfo=metainfo, **kwargs)
        # Set late: mmengine takes a string in metainfo for a file.
        last = start + num_scenes - 1
        self._metainfo['split'] = f'scenes {start} to {last}, seed {seed}'

    def load_data_list(self) -> list[dict]:
        """Return one dict per scene; nothing is rendered yet."""
        numbers = range(self.start, self.start + self.num_scenes)
        gaps = [(number, self.absence.of(number)) for number in numbers]
        return [
            {
                'scene': number,
                'absent': absent,
                'labelled': self.labelled,
                'label_map': self.label_map,
                'reduce_zero_label': False,
                'seg_fields': ['gt_seg_map'],
            }
            for number, absent in gaps
            if absent is not None
        ]

    def get_data_info(self, idx: int) -> dict:
        """Return a scene as ``LoadModalities`` and ``LoadLabel`` would."""
        info = super().get_data_info(idx)
        images, label = self._scene(info['scene'])
        absent = info['absent']
        for name in absent:
            images[name] = np.zeros_like(images[name])
        info['modalities'] = images
        info['present'] = {name: name not in absent for name in images}
        info['gt_seg_map'] = self._renamed(label)
        info['img_shape'] = info['ori_shape'] = self.size
        return info

    def _scene(self, number: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        if self.cache is None:
            return render_scene(number, self.modalities, self.size, self.seed)
        if number not in self.cache:
            self.cache[number] = render_scene(
                number, self.modalities, self.size, self.seed
            )
        images, label = self.cache[number]
        # A transform may write into what it gets.
        return {name: im.copy() for name, im in images.items()}, label.copy()

    def _renamed(self, label: np.ndarray) -> np.ndarray:
        """Follow ``metainfo=dict(classes=...)``; all else: ignored."""
        if not self.labelled:
            return np.full_like(label, 255)
        if self.label_map is None:
            return label
        table = [self.label_map[number] for number in range(len(CLASSES))]
        return np.array(table, np.uint8)[label]


def _checked_names(modalities: Sequence[str | Mapping]) -> list[str]:
    names = modality_names(modalities)
    unknown = [name for name in names if name not in SENSORS]
    if unknown:
        raise ValueError(
            f'SceneDataset renders {list(SENSORS)}, got {names}; check '
            '`modalities`'
        )
    return names


def _checked_size(size: Any) -> tuple[int, int]:
    sides = [whole('size', n, 1, MOST_PIXELS) for n in listed('size', size)]
    if len(sides) != 2:
        raise ValueError(f'`size` takes (height, width), got {size}')
    return sides[0], sides[1]
