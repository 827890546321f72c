"""NYU Depth V2: rgb, depth and hha, 40 or 13 classes.

Source: Silberman et al., Indoor Segmentation and Support Inference from RGBD
Images, ECCV 2012; 40 classes: Gupta et al., CVPR 2013; 13 classes: Couprie
et al., ICLR 2013.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import Remote, located

from .classes import voc_palette
from .formats import merge_formats
from .multi_modal import MultiModalDataset
from .options import check_choice, check_source
from .splits import listed_names, wrong_root

SPLITS = ('train', 'val', 'trainval', 'test')

CLASSES_40 = (
    'wall, floor, cabinet, bed, chair, sofa, table, door, window, bookshelf, '
    'picture, counter, blinds, desk, shelves, curtain, dresser, pillow, '
    'mirror, floor mat, clothes, ceiling, books, refrigerator, television, '
    'paper, towel, shower curtain, box, whiteboard, person, night stand, '
    'toilet, sink, lamp, bathtub, bag, otherstructure, otherfurniture, '
    'otherprop'
)
CLASSES_13 = (
    'bed, books, ceiling, chair, floor, furniture, objects, picture, sofa, '
    'table, tv, wall, window'
)
CLASSES = {
    40: tuple(CLASSES_40.split(', ')),
    13: tuple(CLASSES_13.split(', ')),
}

# Kinect depth, 8 bits for 0..9.99547 m: the largest value of the data set.
METRES_PER_STEP = 9.99547 / 255

# The folder that most published code uses, and one with 8-bit depth.
LAYOUTS = {
    'folders': {
        'formats': {
            'rgb': {'folder': 'RGB', 'suffix': '.jpg'},
            'depth': {
                'folder': 'Depth',
                'suffix': '.png',
                'dtype': 'uint16',
                'scale': 0.001,
            },
            'hha': {'folder': 'HHA', 'suffix': '.jpg'},
        },
        'labels': {40: 'Label', 13: 'Label13'},
    },
    'compact': {
        'formats': {
            'rgb': {'folder': 'rgb', 'suffix': '.jpg'},
            'depth': {
                'folder': 'depth8',
                'suffix': '.png',
                'scale': METRES_PER_STEP,
            },
        },
        'labels': {40: 'label40', 13: 'label13'},
    },
}
TREE = (
    'RGB/, Depth/ or HHA/, Label/ (or rgb/, depth8/, label40/, label13/), '
    'train.txt and test.txt (mmseg-missing convert nyuv2 writes them)'
)


@DATASETS.register_module()
class NYUv2Dataset(MultiModalDataset):
    """NYU Depth V2 in one of two layouts; depth in metres.

    ``folders``: RGB/*.jpg, Depth/*.png (16-bit millimetres), HHA/*.jpg,
    Label/*.png (40 classes), Label13/*.png, as
    ``mmseg-missing convert nyuv2`` writes it. ``compact``: rgb/*.jpg,
    depth8/*.png, label40/*.png, label13/*.png. Both have train.txt and
    test.txt; in labels 0 is void.

    Args:
        data_root: folder of the data set; its folder names tell the layout.
        split: ``'train'``, ``'val'`` (every tenth name of train.txt),
            ``'trainval'`` (all of train.txt, the official training split) or
            ``'test'``.
        modalities: names in stack order, or the config's list of dicts.
        num_classes: 40 or 13.
        formats: changes per modality, e.g. ``dict(depth=dict(dtype='uint8',
            scale=0.0392))`` for 8-bit depth.
        labelled: False leaves the labels aside, as if there were none.
        **kwargs: of ``MultiModalDataset``: ``pipeline``, ``metainfo``, ...

    Raises:
        FileNotFoundError: the folder or a list is not there.
        ValueError: unknown split, modality, number of classes; empty split.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        modalities: Sequence[str | Mapping] = ('rgb', 'depth'),
        num_classes: int = 40,
        formats: Mapping[str, Mapping[str, Any]] | None = None,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('NYUv2Dataset', data_root, split, SPLITS, labelled)
        check_choice('NYUv2Dataset', 'num_classes', num_classes, CLASSES)
        root = located(data_root, kwargs.get('backend_args'))
        layout = LAYOUTS[_find_layout(root)]
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=_split_names(root, split),
            formats=merge_formats(layout['formats'], formats),
            label_folder=layout['labels'][num_classes] if labelled else None,
            known={
                'classes': CLASSES[num_classes],
                'palette': voc_palette(num_classes),
            },
            reduce_zero_label=True,
            split=split,
            **kwargs,
        )


def _find_layout(root: Path | Remote) -> str:
    # Not by 'rgb' or 'RGB': some file systems do not tell them apart.
    for name, layout in LAYOUTS.items():
        if (root / layout['formats']['depth']['folder']).is_dir():
            return name
        if any((root / f).is_dir() for f in layout['labels'].values()):
            return name
    raise FileNotFoundError(wrong_root(root, TREE, 'none of their folders'))


def _split_names(root: Path | Remote, split: str) -> list[str]:
    if split == 'test':
        return listed_names(root, split, 'test.txt', TREE)
    return listed_names(root, split, 'train.txt', TREE, carved=True)
