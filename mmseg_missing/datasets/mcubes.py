"""MCubeS: materials in streets, by colour, polarisation and near infrared.

Source: Liang et al., Multimodal Material Segmentation, CVPR 2022. Layout,
columns, classes and colours: the authors' code,
github.com/kyotovision-public/multimodal-material-segmentation
(dataloaders/datasets/multimodal_dataset.py, dataloaders/utils.py); names of
classes as in CMNeXt's code (semseg/datasets/mcubes.py of
github.com/jamycheung/DELIVER).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.remote import located

from .formats import merge_formats
from .multi_modal import MultiModalDataset
from .options import check_source
from .splits import check_folders, listed_names

SPLITS = ('train', 'val', 'test')
MODALITIES = ('rgb', 'aolp', 'dolp', 'nir')
CLASSES = {
    'asphalt': (44, 160, 44),
    'concrete': (31, 119, 180),
    'metal': (255, 127, 14),
    'road_marking': (214, 39, 40),
    'fabric': (140, 86, 75),
    'glass': (127, 127, 127),
    'plaster': (188, 189, 34),
    'plastic': (255, 152, 150),
    'rubber': (23, 190, 207),
    'sand': (174, 199, 232),
    'gravel': (196, 156, 148),
    'ceramic': (197, 176, 213),
    'cobblestone': (247, 182, 210),
    'brick': (199, 199, 199),
    'grass': (219, 219, 141),
    'wood': (158, 218, 229),
    'leaf': (57, 59, 121),
    'water': (107, 110, 207),
    'human': (156, 158, 222),
    'sky': (99, 121, 57),
}

# Some images have 8 bits, some 16; both in the range of 8.
IMAGE = {'suffix': '.png', 'scale': {'uint8': 1.0, 'uint16': 255 / 65535}}
ARRAY = {'suffix': '.npy', 'scale': {'float32': 1.0, 'float64': 1.0}}
FORMATS = {
    'rgb': {'folder': 'polL_color', **IMAGE},
    'aolp': {'folder': ['polL_aolp_sin', 'polL_aolp_cos'], **ARRAY},
    'dolp': {'folder': 'polL_dolp', **ARRAY},
    'nir': {'folder': 'NIR_warped', **IMAGE},
}
LABEL_FOLDER = 'GT'
# The authors' loader leaves out the 192 columns on the left.
COLUMNS = (192, 1224)
TREE = (
    'polL_color/, polL_aolp_sin/, polL_aolp_cos/, polL_dolp/, NIR_warped/, '
    f'{LABEL_FOLDER}/ and list_folder/train.txt, val.txt, test.txt'
)


@DATASETS.register_module()
class MCubeSDataset(MultiModalDataset):
    """MCubeS as it is published: rgb, aolp, dolp and nir, 20 materials.

    Layout: polL_color/*.png and NIR_warped/*.png (8 or 16 bits, both are
    delivered as 0..255), polL_aolp_sin/*.npy and polL_aolp_cos/*.npy (the
    two channels of aolp, in [-1, 1]), polL_dolp/*.npy, GT/*.png (0..19, 255 =
    ignore) and list_folder/{train,val,test}.txt. The first three modalities
    come from one camera.

    Where NIR_warped_mask is white, nir is not valid. MCubeSNet ignores the
    labels there if it uses nir; CMNeXt scores all pixels, and so does this.

    The authors call the channels of aolp "the sin (cos) value of aolp", not
    of its double. Geometry rule ``aolp`` mirrors both right (for an angle in
    -90..90 degrees), but turns the double only.

    Args:
        data_root: folder of the data set.
        split: ``'train'`` (302), ``'val'`` (96) or ``'test'`` (102).
        modalities: names in stack order, or the config's list of dicts.
        formats: changes per modality. AoLP with 3 channels, as some
            networks want it: ``dict(aolp=dict(folder=['polL_aolp_sin',
            'polL_aolp_cos', 'polL_aolp_sin']))``.
        columns: first column that is read, and the one after the last; None
            for all 1224.
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
        columns: tuple[int, int] | None = COLUMNS,
        labelled: bool = True,
        **kwargs,
    ) -> None:
        check_source('MCubeSDataset', data_root, split, SPLITS, labelled)
        root = located(data_root, kwargs.get('backend_args'))
        if labelled:
            check_folders(root, [LABEL_FOLDER], TREE)
        self.columns = columns
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=listed_names(root, split, f'list_folder/{split}.txt', TREE),
            formats=merge_formats(FORMATS, formats),
            label_folder=LABEL_FOLDER if labelled else None,
            known={
                'classes': tuple(CLASSES),
                'palette': list(CLASSES.values()),
            },
            split=split,
            **kwargs,
        )
