"""MFNet: RGB and thermal images of streets by day and night, 9 classes.

Source: Ha et al., MFNet: Towards Real-Time Semantic Segmentation for
Autonomous Vehicles with Multi-Spectral Scenes, IROS 2017. Class numbers: the
readme of the release; colours: the authors' util/util.py in
github.com/haqishen/MFNet-pytorch; the layout with ther/: CMNeXt's
semseg/datasets/mfnet.py in github.com/jamycheung/DELIVER.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import Remote, located

from .formats import merge_formats
from .multi_modal import MultiModalDataset
from .options import check_source
from .splits import check_folders, listed_names, wrong_root

SPLITS = ('train', 'val', 'test', 'test_day', 'test_night')
# Pixels without a label are a class of their own, as in published results.
CLASSES = {
    'unlabeled': (0, 0, 0),
    'car': (64, 0, 128),
    'person': (64, 64, 0),
    'bike': (0, 128, 192),
    'curve': (0, 0, 192),
    'car_stop': (128, 128, 0),
    'guardrail': (64, 64, 128),
    'color_cone': (192, 128, 128),
    'bump': (192, 64, 0),
}
LABEL_FOLDER = 'labels'


def _separate(thermal: str) -> dict[str, dict]:
    return {
        'rgb': {'folder': 'rgb', 'suffix': '.jpg'},
        # Copies differ in whether grey is stored once or three times.
        'thermal': {'folder': thermal, 'suffix': '.jpg', 'channels': [0]},
    }


# By the folder that thermal is in.
LAYOUTS = {
    'images': {
        'rgb': {'folder': 'images', 'suffix': '.png', 'channels': [0, 1, 2]},
        'thermal': {'folder': 'images', 'suffix': '.png', 'channels': [3]},
    },
    'ther': _separate('ther'),
    'thermal': _separate('thermal'),
}
TREE = (
    'images/ (4 channels: RGB and thermal) or rgb/ and ther/ or thermal/, '
    f'beside them {LABEL_FOLDER}/ and {", ".join(f"{s}.txt" for s in SPLITS)}'
)
FLIPPED = '_flip'


@DATASETS.register_module()
class MFNetDataset(MultiModalDataset):
    """MFNet in one of two layouts; rgb and thermal, 8 bits each, 480x640.

    The release: images/*.png with 4 channels. Copies: rgb/*.jpg and
    ther/*.jpg (or thermal/*.jpg). Both have labels/*.png (0 = unlabeled,
    1..8) and a list per split. The training list of the release also names
    mirrored copies (``00001D_flip``) that a script of the release writes;
    they are left out, because ``RandomFlipModalities`` makes them anew.

    Args:
        data_root: folder of the data set; its folder names tell the layout.
        split: ``'train'`` (784), ``'val'`` (392), ``'test'`` (393) or a part
            of it: ``'test_day'`` (205), ``'test_night'`` (188).
        modalities: names in stack order, or the config's list of dicts.
        formats: changes per modality, e.g. ``dict(rgb=dict(suffix='.png'),
            thermal=dict(suffix='.png'))``.
        labelled: False leaves the labels aside, as if there were none.
        **kwargs: of ``MultiModalDataset``: ``pipeline``, ``metainfo``, ...

    Raises:
        FileNotFoundError: a folder or a list is not there.
        ValueError: unknown split or modality; empty split.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        modalities: Sequence[str | Mapping] = ('rgb', 'thermal'),
        formats: Mapping[str, Mapping[str, Any]] | None = None,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('MFNetDataset', data_root, split, SPLITS, labelled)
        root = located(data_root, kwargs.get('backend_args'))
        layout = _find_layout(root)
        if labelled:
            check_folders(root, [LABEL_FOLDER], TREE)
        names = listed_names(root, split, f'{split}.txt', TREE)
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=[name for name in names if not name.endswith(FLIPPED)],
            formats=merge_formats(layout, formats),
            label_folder=LABEL_FOLDER if labelled else None,
            known={
                'classes': tuple(CLASSES),
                'palette': list(CLASSES.values()),
            },
            split=split,
            **kwargs,
        )


def _find_layout(root: Path | Remote) -> dict[str, dict]:
    for thermal, layout in LAYOUTS.items():
        if (root / thermal).is_dir():
            return layout
    raise FileNotFoundError(wrong_root(root, TREE, f'none of {list(LAYOUTS)}'))
