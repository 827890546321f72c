"""Paths alone; nothing is opened."""

import pytest

from mmseg_missing.datasets.guessing.guess import Unclear
from mmseg_missing.datasets.guessing.layout import guess_layout


def paths(*patterns, names=('0001', '0002', '0007')):
    return [p.format(n) for p in patterns for n in names]


LAYOUTS = {
    'a folder each': (
        paths('rgb/{}.png', 'depth/{}.tiff', 'labels/{}.png'),
        {'rgb', 'depth', 'labels'},
    ),
    'suffixes in one folder': (
        paths('{}_rgb.png', '{}_depth.png', '{}_label.png'),
        {'rgb', 'depth', 'label'},
    ),
    'prefixes in one folder': (
        paths('a/rgb_{}.png', 'a/ir_{}.png', 'a/gt_{}.png'),
        {'rgb', 'ir', 'gt'},
    ),
    'suffixes in a folder each': (
        paths('img/x{}_rgb_front.png', 'hha/x{}_depth_front.png')
        + paths('semantic/x{}_semantic_front.png'),
        {'img', 'hha', 'semantic'},
    ),
    'formats in one folder': (
        paths('{}.jpg', '{}.png', '{}.npy'),
        {'.jpg', '.png', '.npy'},
    ),
    'formats beside a folder': (
        paths('scans/{}.jpg', 'scans/{}.npy', 'masks/{}.png'),
        {'scans/*.jpg', 'scans/*.npy', 'masks'},
    ),
    'scenes first': (
        paths(
            *(f'{s}/{k}/{{}}.png' for s in 'ab' for k in ('rgb', 'ir', 'gt'))
        ),
        {'rgb', 'ir', 'gt'},
    ),
    'folders of uneven depth': (
        paths('raw/rgb/{}.png', 'raw/depth/{}.png', 'ann/masks/done/{}.png'),
        {'raw/rgb', 'raw/depth', 'ann/masks/done'},
    ),
    'cities': (
        paths(
            *(
                f'{kind}/train/{city}/{city}_{{}}_{kind}.png'
                for city in ('aachen', 'bonn')
                for kind in ('leftImg8bit', 'disparity', 'gtFine')
            )
        ),
        {'leftImg8bit', 'disparity', 'gtFine'},
    ),
    'names of no meaning': (
        paths('a/{}.png', 'b/{}.png', 'c/{}.png'),
        {'a', 'b', 'c'},
    ),
    'several kinds in a folder': (
        paths(
            *(
                f'{kind}/{city}/{city}_{{}}_{name}.png'
                for city in ('aachen', 'bonn')
                for kind, name in (
                    ('leftImg8bit', 'leftImg8bit'),
                    ('disparity', 'disparity'),
                    ('gtFine', 'gtFine_labelIds'),
                    ('gtFine', 'gtFine_instanceIds'),
                )
            )
        ),
        {
            'leftImg8bit/leftImg8bit',
            'disparity/disparity',
            'gtFine/labelIds',
            'gtFine/instanceIds',
        },
    ),
    'regions first': (
        paths(
            *(
                f'{r}/{k}/{r}_{k}_p{{}}.tif'
                for r in 'xyz'
                for k in ('s1', 'lc')
            )
        ),
        {'s1', 'lc'},
    ),
}


@pytest.mark.parametrize('name', LAYOUTS)
def test_kinds(name):
    files, kinds = LAYOUTS[name]
    layout = guess_layout(files)
    assert set(layout.kinds) == kinds
    samples = {tuple(sorted(some)) for some in layout.kinds.values()}
    assert len(samples) == 1
    assert not layout.left_out


@pytest.mark.parametrize(
    'patterns',
    [
        ('{split}/rgb/{{}}.png', '{split}/gt/{{}}.png'),
        ('rgb/{split}/{{}}.png', 'gt/{split}/{{}}.png'),
        ('{split}_rgb/{{}}.png', '{split}_gt/{{}}.png'),
    ],
)
def test_splits_by_folder(patterns):
    files = [
        path
        for split, names in (('train', ('1', '2')), ('val', ('1',)))
        for pattern in patterns
        for path in paths(pattern.format(split=split), names=names)
    ]
    layout = guess_layout(files)
    assert set(layout.kinds) == {'rgb', 'gt'}
    assert layout.splits == {
        'train/1': 'train',
        'train/2': 'train',
        'val/1': 'val',
    }


def test_files_that_meet_nothing_are_left_out():
    files, _ = LAYOUTS['a folder each']
    more = [f'{k}/{i}.png' for k in ('rgb', 'labels') for i in range(80, 190)]
    layout = guess_layout([*files, *more, 'preview.png', 'readme/95.png'])
    assert set(layout.kinds) == {'rgb', 'depth', 'labels'}
    assert layout.left_out == ['preview.png', 'readme/95.png']


def test_absent_files_leave_their_kind():
    files, kinds = LAYOUTS['a folder each']
    layout = guess_layout(f for f in files if f != 'depth/0002.tiff')
    assert set(layout.kinds) == kinds
    assert set(layout.kinds['depth']) == {'0001', '0007'}


def test_names_that_never_meet():
    files = paths('rgb/a{}.png') + paths('depth/b{}.png', names=('8', '9'))
    with pytest.raises(Unclear, match='one name in all folders'):
        guess_layout(files)


def test_no_files():
    with pytest.raises(Unclear, match='0 files'):
        guess_layout([])
