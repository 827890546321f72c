"""PST900: RGB and thermal images from caves and tunnels, 5 classes.

Source: Shivakumar et al., PST900: RGB-Thermal Calibration, Dataset and
Segmentation Network, ICRA 2020; files, class numbers, colours and the scale
of depth: README.md and toolkit/ of
github.com/ShreyasSkandanS/pst900_thermal_rgb (the authors').
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import located

from .formats import checked_formats, merge_formats
from .multi_modal import MultiModalDataset
from .options import check_source
from .splits import PARTS, stored_names

# Some later code has drill and extinguisher swapped.
CLASSES = {
    'background': (0, 0, 0),
    'fire extinguisher': (255, 0, 0),
    'backpack': (0, 255, 0),
    'hand drill': (0, 0, 255),
    'survivor': (255, 255, 255),
}
FORMATS = {
    'rgb': {'folder': 'rgb', 'suffix': '.png'},
    'thermal': {'folder': 'thermal', 'suffix': '.png'},
    'thermal_raw': {
        'folder': 'thermal_raw',
        'suffix': '.png',
        'dtype': 'uint16',
    },
    'depth': {
        'folder': 'depth',
        'suffix': '.png',
        'dtype': 'uint16',
        'scale': 1 / 2560,
    },
}
LABEL_FOLDER = 'labels'
TREE = f'train/ and test/, each with rgb/, thermal/ and {LABEL_FOLDER}/'


@DATASETS.register_module()
class PST900Dataset(MultiModalDataset):
    """PST900 as released; 720x1280, thermal brought into the RGB view.

    Layout: train/ and test/, each with rgb/*.png, thermal/*.png (8 bits,
    contrast set by the camera), thermal_raw/*.png (16 bits), depth/*.png
    (16 bits, in steps of 1/2560, presumably of a metre) and labels/*.png (0
    = background, 1..4). A pixel that no thermal pixel meets is 0.

    Args:
        data_root: folder of the data set.
        split: ``'train'``, ``'val'`` (every tenth name of train/),
            ``'trainval'`` (all of train/, the official training split) or
            ``'test'``.
        modalities: names in stack order, or the config's list of dicts.
        formats: changes per modality; folders are below train/ and test/.
        labelled: False leaves the labels aside, as if there were none.
        **kwargs: of ``MultiModalDataset``: ``pipeline``, ``metainfo``, ...

    Raises:
        FileNotFoundError: a folder is not there.
        ValueError: unknown split or modality; empty split; names that do
            not agree.
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
        check_source('PST900Dataset', data_root, split, PARTS, labelled)
        formats = checked_formats(modalities, merge_formats(FORMATS, formats))
        label_folder = LABEL_FOLDER if labelled else None
        root = located(data_root, kwargs.get('backend_args'))
        names = stored_names(root, split, label_folder, formats, TREE)
        super().__init__(
            data_root=str(root / PARTS[split]),
            modalities=modalities,
            names=names,
            formats=formats,
            label_folder=label_folder,
            known={
                'classes': tuple(CLASSES),
                'palette': list(CLASSES.values()),
            },
            split=split,
            **kwargs,
        )
