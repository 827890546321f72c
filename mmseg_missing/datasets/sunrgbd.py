"""SUN RGB-D: rooms seen by four depth cameras, 37 classes.

Source: Song et al., SUN RGB-D: A RGB-D Scene Understanding Benchmark Suite,
CVPR 2015. Classes: seg37list.mat of the authors' SUNRGBDtoolbox. Colours: of
ESANet's code (Seichter et al., ICRA 2021; src/datasets/sunrgbd/sunrgbd.py of
github.com/TUI-NICR/ESANet).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import located

from .formats import merge_formats
from .multi_modal import MultiModalDataset
from .options import check_source
from .splits import check_folders, listed_names

SPLITS = ('train', 'val', 'trainval', 'test')
CLASSES = {
    'wall': (119, 119, 119),
    'floor': (244, 243, 131),
    'cabinet': (137, 28, 157),
    'bed': (150, 255, 255),
    'chair': (54, 114, 113),
    'sofa': (0, 0, 176),
    'table': (255, 69, 0),
    'door': (87, 112, 255),
    'window': (0, 163, 33),
    'bookshelf': (255, 150, 255),
    'picture': (255, 180, 10),
    'counter': (101, 70, 86),
    'blinds': (38, 230, 0),
    'desk': (255, 120, 70),
    'shelves': (117, 41, 121),
    'curtain': (150, 255, 0),
    'dresser': (132, 0, 255),
    'pillow': (24, 209, 255),
    'mirror': (191, 130, 35),
    'floor_mat': (219, 200, 109),
    'clothes': (154, 62, 86),
    'ceiling': (255, 190, 190),
    'books': (255, 0, 255),
    'fridge': (152, 163, 55),
    'tv': (192, 79, 212),
    'paper': (230, 230, 230),
    'towel': (53, 130, 64),
    'shower_curtain': (155, 249, 152),
    'box': (87, 64, 34),
    'whiteboard': (214, 209, 175),
    'person': (170, 0, 59),
    'night_stand': (255, 0, 0),
    'toilet': (193, 195, 234),
    'sink': (70, 72, 115),
    'lamp': (255, 255, 0),
    'bathtub': (52, 57, 131),
    'bag': (12, 83, 45),
}
FORMATS = {
    'rgb': {'folder': 'RGB', 'suffix': '.jpg'},
    'depth': {
        'folder': 'Depth',
        'suffix': '.png',
        'dtype': 'uint16',
        'scale': 0.001,
    },
    'hha': {'folder': 'HHA', 'suffix': '.png'},
}
LABEL_FOLDER = 'Label'
TREE = (
    f'RGB/, Depth/ or HHA/, {LABEL_FOLDER}/, train.txt and test.txt '
    '(mmseg-missing convert sunrgbd writes them)'
)


@DATASETS.register_module()
class SUNRGBDDataset(MultiModalDataset):
    """SUN RGB-D as mmseg-missing convert sunrgbd writes it.

    Layout: RGB/*.jpg, Depth/*.png (16 bits, millimetres; delivered in
    metres, 0 = not measured), Label/*.png (0 = void, 1..37), train.txt,
    test.txt. Images of the four cameras differ in size. HHA is not written;
    HHA/*.png may be put beside them.

    Args:
        data_root: folder of the data set.
        split: ``'train'``, ``'val'`` (every tenth name of train.txt),
            ``'trainval'`` (all of train.txt, the official 5285) or
            ``'test'`` (5050).
        modalities: names in stack order, or the config's list of dicts.
        formats: changes per modality, e.g. ``dict(hha=dict(suffix='.jpg'))``.
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
        modalities: Sequence[str | Mapping] = ('rgb', 'depth'),
        formats: Mapping[str, Mapping[str, Any]] | None = None,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('SUNRGBDDataset', data_root, split, SPLITS, labelled)
        root = located(data_root, kwargs.get('backend_args'))
        if labelled:
            check_folders(root, [LABEL_FOLDER], TREE)
        is_test = split == 'test'
        list_name = 'test.txt' if is_test else 'train.txt'
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=listed_names(
                root, split, list_name, TREE, carved=not is_test
            ),
            formats=merge_formats(FORMATS, formats),
            label_folder=LABEL_FOLDER if labelled else None,
            reduce_zero_label=True,
            known={
                'classes': tuple(CLASSES),
                'palette': list(CLASSES.values()),
            },
            split=split,
            **kwargs,
        )
