"""Words that people name folders and files with, and what they mean."""

from __future__ import annotations

import re
from functools import cache

LABEL = 'label'

# What a config calls a modality, and what else people call it.
MODALITIES = {
    'rgb': 'color colour visible vis vi image images img imgs photo photos '
    'jpegimages optical left',
    'depth': 'depths dep depthmap',
    'hha': '',
    'thermal': 'therm ther ir infrared lwir tir flir temperature',
    'nir': '',
    'swir': '',
    'aolp': 'aop',
    'dolp': 'dop',
    'lidar': 'velodyne',
    'event': 'events dvs',
    'disparity': 'disp',
    'normals': 'normal',
    'sar': '',
    's1': 'sentinel1',
    's2': 'sentinel2',
    'flair': '',
    't1': '',
    't1c': 't1ce t1gd',
    't2': '',
    'ct': '',
    'pet': '',
}
LABELS = (
    'label labels lbl mask masks gt gts annotation annotations annot ann '
    'seg segmentation semantic semantics semseg segmap segmaps target '
    'targets groundtruth truth labelids'
)
SPLITS = {
    'train': 'train training',
    'val': 'val valid validation',
    'test': 'test testing',
}
# The main stream comes first, then the order of MODALITIES.
ORDER = tuple(MODALITIES)


def _by_word(meanings: dict[str, str]) -> dict[str, str]:
    return {
        word: meaning
        for meaning, others in meanings.items()
        for word in (meaning, *others.split())
    }


KINDS = _by_word({**MODALITIES, LABEL: LABELS})
SPLIT_OF = _by_word(SPLITS)

SEPARATORS = re.compile(r'[^0-9A-Za-z]+')
CAMEL = re.compile(r'(?<=[a-z0-9])(?=[A-Z])')


@cache
def words(text: str) -> tuple[str, ...]:
    """Return the words of a name, in small letters.

    >>> words('frame_0001_gtFine')
    ('frame', '0001', 'gt', 'fine')
    """
    parts = SEPARATORS.split(CAMEL.sub('_', text))
    return tuple(part.lower() for part in parts if part)


def meaning(word: str) -> str | None:
    """Return the kind of file that a word stands for, numbers aside.

    >>> meaning('depth8'), meaning('GT'), meaning('berlin')
    ('depth', 'label', None)
    """
    word = word.lower()
    return KINDS.get(word) or KINDS.get(word.strip('0123456789'))


@cache
def kind_of(text: str) -> str | None:
    """Return what a folder's or file's name says that it holds.

    A label is one whatever else the name says; else the last word counts.

    >>> kind_of('rgb_labels'), kind_of('thermal_raw'), kind_of('camera')
    ('label', 'thermal', None)
    """
    whole = meaning(SEPARATORS.sub('', text))
    found = [m for m in map(meaning, words(text)) if m]
    if whole or not found:
        return whole
    return LABEL if LABEL in found else found[-1]


def split_of(folder: str) -> tuple[str | None, str]:
    """Return the split that a folder's name says, and the name without it.

    >>> split_of('train'), split_of('val_images'), split_of('latest')
    (('train', ''), ('val', 'images'), (None, 'latest'))
    """
    parts = [part for part in SEPARATORS.split(folder) if part]
    for end in (0, -1):
        split = SPLIT_OF.get(parts[end].lower()) if parts else None
        if split:
            rest = parts[1:] if end == 0 else parts[:-1]
            return split, '_'.join(rest)
    return None, folder
