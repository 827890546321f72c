"""OMBRIA: flood mapping from radar and optical images, before and after.

Source: Drakonakis et al., OmbriaNet: Supervised Flood Mapping via
Convolutional Neural Networks Using Multitemporal Sentinel-1 and Sentinel-2
Data Fusion, IEEE JSTARS 2022.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import located

from .formats import merge_formats
from .multi_modal import MultiModalDataset
from .options import check_source
from .splits import Root, check_folders, listed_names

# Which list a split is (a part of).
LISTS = {
    'train': 'train.txt',
    'val': 'train.txt',
    'trainval': 'train.txt',
    'test': 'test.txt',
    'test2021': 'test2021.txt',
}
MODALITIES = ('s1_before', 's1_after', 's2_before', 's2_after')
FORMATS = {name: {'folder': name, 'suffix': '.png'} for name in MODALITIES}
LABEL_FOLDER = 'mask'
TREE = (
    f'{", ".join(f"{m}/" for m in MODALITIES)}, {LABEL_FOLDER}/, train.txt, '
    'test.txt and test2021.txt'
)


@DATASETS.register_module()
class OMBRIADataset(MultiModalDataset):
    """OMBRIA: Sentinel-1 (one channel) and Sentinel-2 (RGB), 8 bits each.

    Layout: s1_before/*.png, s1_after/*.png, s2_before/*.png, s2_after/*.png
    and mask/*.png (0 land, 1 water), train.txt, test.txt, test2021.txt.

    Args:
        data_root: folder of the data set.
        split: ``'train'``, ``'val'`` (every tenth name of train.txt),
            ``'trainval'`` (all of train.txt, the official training split),
            ``'test'`` or ``'test2021'`` (events of 2021, in neither other).
        modalities: names in stack order, or the config's list of dicts.
        formats: changes per modality, e.g. ``dict(s1_after=dict(folder=...,
            suffix='.tif'))``.
        labelled: False leaves the labels aside, as if there were none.
        **kwargs: of ``MultiModalDataset``: ``pipeline``, ``metainfo``, ...

    Raises:
        FileNotFoundError: the folder or a list is not there.
        ValueError: unknown split or modality; empty split.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        modalities: Sequence[str | Mapping] = MODALITIES,
        formats: Mapping[str, Mapping[str, Any]] | None = None,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('OMBRIADataset', data_root, split, LISTS, labelled)
        root = located(data_root, kwargs.get('backend_args'))
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=_split_names(root, split),
            formats=merge_formats(FORMATS, formats),
            label_folder=LABEL_FOLDER if labelled else None,
            known={
                'classes': ('land', 'water'),
                'palette': [(170, 150, 110), (30, 100, 220)],
            },
            split=split,
            **kwargs,
        )


def _split_names(root: Root, split: str) -> list[str]:
    check_folders(root, [LABEL_FOLDER], TREE)
    list_name = LISTS[split]
    carved = list_name == 'train.txt'
    return listed_names(root, split, list_name, TREE, carved)
