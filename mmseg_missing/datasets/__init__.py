"""Data sets and the transforms of their samples."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from . import transforms
from .deliver import DELIVERDataset
from .fmb import FMBDataset
from .folder import FolderDataset
from .mcubes import MCubeSDataset
from .mfnet import MFNetDataset
from .multi_modal import MultiModalDataset
from .nyuv2 import NYUv2Dataset
from .ombria import OMBRIADataset
from .pst900 import PST900Dataset
from .scene_dataset import SceneDataset
from .sunrgbd import SUNRGBDDataset

__all__ = [
    'DELIVERDataset',
    'FMBDataset',
    'FolderDataset',
    'MCubeSDataset',
    'MFNetDataset',
    'MultiModalDataset',
    'NYUv2Dataset',
    'OMBRIADataset',
    'PST900Dataset',
    'SUNRGBDDataset',
    'SceneDataset',
    'transforms',
]
