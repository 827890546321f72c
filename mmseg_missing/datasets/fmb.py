"""FMB: RGB and infrared images of streets, 14 or 15 classes.

Source: Liu et al., Multi-interactive Feature Learning and a Full-time
Multi-modality Benchmark for Image Fusion and Segmentation, ICCV 2023; class
numbers and colours: an author's answer in
github.com/JinyuanLiu-CV/SegMiF/issues/10 (which does not say whether the
colours are RGB or BGR); their names: section 4 of the paper.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import located

from .formats import checked_formats, merge_formats
from .multi_modal import MultiModalDataset
from .options import check_choice, check_source
from .splits import PARTS, stored_names

CLASSES = {
    'unlabeled': (0, 0, 0),
    'road': (179, 228, 228),
    'sidewalk': (181, 57, 133),
    'building': (67, 162, 177),
    'traffic light': (200, 178, 50),
    'traffic sign': (132, 45, 199),
    'vegetation': (66, 172, 84),
    'sky': (179, 73, 79),
    'person': (76, 99, 166),
    'car': (66, 121, 253),
    'truck': (137, 165, 91),
    'bus': (155, 97, 152),
    'motorcycle': (105, 153, 140),
    'bicycle': (222, 215, 158),
    'pole': (135, 113, 90),
}
NUM_CLASSES = (14, 15)
FORMATS = {
    'rgb': {'folder': 'Visible', 'suffix': '.png'},
    # Grey, whether stored once or three times.
    'thermal': {'folder': 'Infrared', 'suffix': '.png', 'channels': [0]},
}
LABEL_FOLDER = 'Label'
TREE = f'train/ and test/, each with Visible/, Infrared/ and {LABEL_FOLDER}/'


@DATASETS.register_module()
class FMBDataset(MultiModalDataset):
    """FMB as released; rgb and thermal, 8 bits each, 600x800.

    Layout: train/ and test/, each with Visible/*.png, Infrared/*.png and
    Label/*.png (0 = unlabeled, 1..14).

    Args:
        data_root: folder of the data set.
        split: ``'train'``, ``'val'`` (every tenth name of train/),
            ``'trainval'`` (all of train/, the official training split, 1220)
            or ``'test'`` (280).
        modalities: names in stack order, or the config's list of dicts.
        num_classes: 14: what is unlabeled is ignored; 15: it is a class of
            its own, the first, as much published code counts it.
        formats: changes per modality; folders are below train/ and test/.
        labelled: False leaves the labels aside, as if there were none.
        **kwargs: of ``MultiModalDataset``: ``pipeline``, ``metainfo``, ...

    Raises:
        FileNotFoundError: a folder is not there.
        ValueError: unknown split, modality, number of classes; empty split;
            names that do not agree.
    """

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        modalities: Sequence[str | Mapping] = ('rgb', 'thermal'),
        num_classes: int = 14,
        formats: Mapping[str, Mapping[str, Any]] | None = None,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('FMBDataset', data_root, split, PARTS, labelled)
        check_choice('FMBDataset', 'num_classes', num_classes, NUM_CLASSES)
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
                'classes': tuple(CLASSES)[-num_classes:],
                'palette': list(CLASSES.values())[-num_classes:],
            },
            reduce_zero_label=num_classes == 14,
            split=split,
            **kwargs,
        )
