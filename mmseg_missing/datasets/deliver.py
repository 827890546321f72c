"""DELIVER: streets of a simulator in five weathers, with failing sensors.

Source: Zhang et al., Delivering Arbitrary-Modal Semantic Segmentation, CVPR
2023, arXiv:2303.01480. Layout, classes, colours and cases: the authors' code
(semseg/datasets/deliver.py of github.com/jamycheung/DELIVER). That labels
have 4 channels and event images of ``eventlowres`` 512x512 pixels: the code
of CAFuser (Broedermann et al., RA-L 2025), which refuses others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import Remote, located
from mmseg_missing.values import listed

from .formats import merge_formats
from .multi_modal import MultiModalDataset
from .options import check_choice, check_source
from .splits import check_folders

SPLITS = ('train', 'val', 'test')
MODALITIES = ('rgb', 'hha', 'event', 'lidar')
CASES = ('cloud', 'fog', 'night', 'rain', 'sun')
NO_FAILURE = 'none'
FAILURES = (
    NO_FAILURE,
    'motionblur',
    'overexposure',
    'underexposure',
    'lidarjitter',
    'eventlowres',
)
CLASSES = {
    'Building': (70, 70, 70),
    'Fence': (100, 40, 40),
    'Other': (55, 90, 80),
    'Pedestrian': (220, 20, 60),
    'Pole': (153, 153, 153),
    'RoadLine': (157, 234, 50),
    'Road': (128, 64, 128),
    'SideWalk': (244, 35, 232),
    'Vegetation': (107, 142, 35),
    'Cars': (0, 0, 142),
    'Wall': (102, 102, 156),
    'TrafficSign': (220, 220, 0),
    'Sky': (70, 130, 180),
    'Ground': (81, 0, 81),
    'Bridge': (150, 100, 100),
    'RailTrack': (230, 150, 140),
    'GroundRail': (180, 165, 180),
    'TrafficLight': (250, 170, 30),
    'Static': (110, 190, 160),
    'Dynamic': (170, 120, 50),
    'Water': (45, 60, 150),
    'Terrain': (145, 170, 100),
    'TwoWheeler': (0, 0, 230),
    'Bus': (0, 60, 100),
    'Truck': (0, 0, 70),
}


def _format(folder: str, word: str) -> dict[str, Any]:
    suffix = f'_{word}_front.png'
    return {'folder': folder, 'suffix': suffix, 'channels': 'rgb'}


IMAGES = _format('img', 'rgb')
FORMATS = {
    'rgb': IMAGES,
    'hha': _format('hha', 'depth'),
    # The failure eventlowres has 512x512 pixels.
    'event': {**_format('event', 'event'), 'size': (1042, 1042)},
    'lidar': _format('lidar', 'lidar'),
}
LABELS = _format('semantic', 'semantic')
TREE = (
    f'img/, hha/, event/, lidar/, {LABELS["folder"]}/, in each '
    '{cloud,fog,night,rain,sun}/{train,val,test}/<map>/*_front.png'
)


@DATASETS.register_module()
class DELIVERDataset(MultiModalDataset):
    """DELIVER, front view: rgb, hha, event and lidar, 25 classes.

    Layout: img/<weather>/<split>/<map>/045050_rgb_front.png, and so on with
    hha/.../045050_depth_front.png, event/..._event_front.png,
    lidar/..._lidar_front.png, semantic/..._semantic_front.png (the first
    channel holds 1..25; 0 and 255 are void). All are read as 3 channels of
    8 bits, event images of another size than 1042x1042 are brought to it.
    The name of the map ends in ``_motionblur``, ... where a sensor fails.

    Args:
        data_root: folder of the data set.
        split: ``'train'`` (3983), ``'val'`` (2005) or ``'test'`` (1897).
        modalities: names in stack order, or the config's list of dicts.
        cases: weathers to take: cloud, fog, night, rain, sun.
        failures: of a sensor, to take: motionblur, overexposure,
            underexposure, lidarjitter, eventlowres; ``'none'`` takes frames
            without one.
        formats: changes per modality, e.g. ``dict(depth=dict(
            folder='depth', suffix='_depth_front.png', ...))``.
        labelled: False leaves the labels aside, as if there were none.
        **kwargs: of ``MultiModalDataset``: ``pipeline``, ``metainfo``, ...

    Raises:
        FileNotFoundError: the folder is not there.
        ValueError: unknown split, modality, case or failure; no samples.
    """

    label_channel = 0

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        modalities: Sequence[str | Mapping] = MODALITIES,
        cases: str | Sequence[str] = CASES,
        failures: str | Sequence[str] = FAILURES,
        formats: Mapping[str, Mapping[str, Any]] | None = None,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('DELIVERDataset', data_root, split, SPLITS, labelled)
        cases = _chosen('cases', cases, CASES)
        failures = _chosen('failures', failures, FAILURES)
        folders = [IMAGES['folder'], *([LABELS['folder']] if labelled else [])]
        root = located(data_root, kwargs.get('backend_args'))
        check_folders(root, folders, TREE)
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=_split_names(root, split, cases, failures),
            formats=merge_formats(FORMATS, formats),
            label_folder=LABELS['folder'] if labelled else None,
            seg_map_suffix=LABELS['suffix'],
            reduce_zero_label=True,
            known={
                'classes': tuple(CLASSES),
                'palette': list(CLASSES.values()),
            },
            split=split,
            **kwargs,
        )


def _split_names(
    root: Path | Remote,
    split: str,
    cases: Sequence[str],
    failures: Sequence[str],
) -> list[str]:
    images, suffix = root / IMAGES['folder'], IMAGES['suffix']
    files = [
        file
        for case in cases
        for file in _files(images, f'{case}/{split}', suffix)
        if _failure(PurePosixPath(file).parent.name) in failures
    ]
    if not files:
        raise ValueError(
            f"split '{split}' of '{images}' is empty for cases {cases} and "
            f'failures {failures}; it needs files such as {cases[0]}/{split}/'
            f'MAP_10_point102/045050{suffix}'
        )
    return [file.removesuffix(suffix) for file in files]


def _files(images: Path | Remote, part: str, suffix: str) -> list[str]:
    """Return the images in the folders of maps, relative and sorted."""
    if isinstance(images, Remote):
        maps = (file for file in (images / part).below() if '/' in file)
        return [f'{part}/{file}' for file in maps if file.endswith(suffix)]
    found = sorted(images.glob(f'{part}/*/*{suffix}'))
    return [file.relative_to(images).as_posix() for file in found]


def _chosen(key: str, values: str | Sequence[str], known: Any) -> list[str]:
    values = [values] if isinstance(values, str) else listed(key, values)
    for value in values or [None]:
        check_choice('DELIVERDataset', key, value, known)
    return values


def _failure(map_name: str) -> str:
    last = map_name.rsplit('_', 1)[-1]
    return last if last in FAILURES else NO_FAILURE
