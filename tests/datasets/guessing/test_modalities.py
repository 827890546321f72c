"""What values say about units, channels and holes."""

import numpy as np
import pytest
import tifffile

from mmseg_missing.datasets.guessing.guess import Unclear
from mmseg_missing.datasets.guessing.modalities import guess_modalities
from mmseg_missing.datasets.guessing.probing import probe

from .conftest import SIZE, celsius, depth_m, rgb, write


@pytest.fixture
def guess(tmp_path):
    """Return the modality that arrays in a folder seem to be."""

    def run(folder, arrays, suffix='.npy', **options):
        paths = []
        for i, array in enumerate(arrays):
            paths.append(tmp_path / folder / f'{i}{suffix}')
            write(paths[-1], array)
        return guess_modalities({folder: probe(paths)}, **options)

    return run


def form(modality):
    return {key: guess.value for key, guess in modality.form.items()}


UNITS = {
    # folder, value in its unit of a sample -> stored; expected format
    'depth in mm': (
        'depth',
        lambda i: (1000 * depth_m(i)).astype(np.uint16),
        {'dtype': 'uint16', 'scale': 0.001},
        'metres, stored in mm',
    ),
    'depth in metres': (
        'depth',
        lambda i: depth_m(i).astype(np.float32),
        {'dtype': 'float32'},
        'metres',
    ),
    'depth in float mm': (
        'depth',
        lambda i: 1000 * depth_m(i),
        {'dtype': 'float64', 'scale': 0.001},
        'metres, stored in mm',
    ),
    'depth in small numbers': (
        'depth',
        lambda i: (10 * depth_m(i)).astype(np.uint16),
        {'dtype': 'uint16'},
        'as stored',
    ),
    'depth from 0 to 1': (
        'depth',
        lambda i: depth_m(i) / 10,
        {'dtype': 'float64'},
        'as stored, 0 to 1',
    ),
    'depth in bytes': (
        'depth',
        lambda i: (20 * depth_m(i)).astype(np.uint8),
        {'dtype': 'uint8'},
        'as stored',
    ),
    'thermal in bytes': (
        'thermal',
        lambda i: (5 * celsius(i)).astype(np.uint8),
        {'dtype': 'uint8'},
        'as stored',
    ),
    'thermal in centi-kelvin': (
        'ir',
        lambda i: (100 * (celsius(i) + 273.15)).astype(np.uint16),
        {'dtype': 'uint16', 'scale': 0.01, 'offset': -273.15},
        'degrees Celsius, stored in 0.01 K',
    ),
    'thermal in counts': (
        'ir',
        lambda i: (celsius(i) * 400 + 12000).astype(np.uint16),
        {'dtype': 'uint16'},
        'as stored',
    ),
    'thermal in kelvin': (
        'lwir',
        lambda i: (celsius(i) + 273.15).astype(np.float32),
        {'dtype': 'float32', 'offset': -273.15},
        'degrees Celsius',
    ),
    'thermal in Celsius': (
        'tir',
        lambda i: celsius(i).astype(np.float32),
        {'dtype': 'float32'},
        'degrees Celsius',
    ),
    'colours in 16 bits': (
        'rgb',
        lambda i: rgb(i).astype(np.uint16) * 257,
        {'dtype': 'uint16', 'scale': pytest.approx(1 / 257, rel=1e-4)},
        '0 to 255',
    ),
    'colours from 0 to 1': (
        'rgb',
        lambda i: (rgb(i) / 255).astype(np.float32),
        {'dtype': 'float32', 'scale': 255.0},
        '0 to 255',
    ),
    'anything': (
        'radar',
        lambda i: celsius(i).astype(np.float32),
        {'dtype': 'float32'},
        'as stored',
    ),
}


@pytest.mark.parametrize('name', UNITS)
def test_units(name, guess):
    folder, make, expected, unit = UNITS[name]
    [modality] = guess(folder, map(make, range(5)))
    assert form(modality) == expected
    assert modality.unit.value == unit


def test_names_and_order(tmp_path):
    kinds = {}
    for folder, make in (
        ('ir', celsius),
        ('RGB', rgb),
        ('depth_raw', depth_m),
    ):
        write(tmp_path / folder / '0.npy', make(0))
        kinds[folder] = probe([tmp_path / folder / '0.npy'])
    found = guess_modalities(kinds)
    assert [m.name.value for m in found] == ['rgb', 'depth', 'thermal']
    assert [m.name.confidence for m in found] == ['sure', 'likely', 'sure']
    found = guess_modalities(kinds, {'warmth': 'ir'})
    assert [m.name.value for m in found] == ['rgb', 'depth', 'warmth']


def test_two_of_a_kind_keep_their_folders_names(tmp_path):
    write(tmp_path / '0.npy', rgb(0))
    one = probe([tmp_path / '0.npy'])
    found = guess_modalities({'rgb_left': one, 'rgb_right': one})
    assert [m.name.value for m in found] == ['rgb_left', 'rgb_right']
    with pytest.raises(Unclear, match='--modality NAME=a b'):
        guess_modalities({'a b': one, 'a-b': one, 'a_b': one})


@pytest.mark.parametrize(
    ('stored', 'share', 'nodata'),
    [
        (0, 0.05, 0),
        (np.nan, 0.05, 'nan'),
        (-9999.0, 0.05, [-9999, 0]),
        (-3.4028234663852886e38, 0.05, None),
    ],
)
def test_holes(stored, share, nodata, guess):
    arrays = [depth_m(i).astype(np.float32) for i in range(4)]
    for i, array in enumerate(arrays):
        array[0, :3] = stored
        array[1, :2] = 0 if nodata != 'nan' else array[1, :2]
        arrays[i] = array
    [modality] = guess('depth', arrays)
    found = form(modality)['nodata']
    if nodata is None:
        assert found == [float(np.float32(stored)), 0]
    else:
        assert found == nodata


def test_holes_that_a_file_declares(tmp_path):
    array = depth_m(0).astype(np.float32)
    tag = (42113, 's', 0, '7', True)  # of GDAL
    tifffile.imwrite(tmp_path / '0.tif', array, extratags=[tag])
    [modality] = guess_modalities({'depth': probe([tmp_path / '0.tif'])})
    assert form(modality)['nodata'] == 7
    assert modality.form['nodata'].confidence == 'sure'


def test_bits_of_colours_are_a_guess_below_16(guess):
    [modality] = guess(
        'rgb', [rgb(i).astype(np.uint16) * 16 for i in range(3)]
    )
    assert form(modality)['scale'] == pytest.approx(255 / 4095, rel=1e-4)
    assert modality.form['scale'].confidence == 'a guess'
    [modality] = guess(
        'rgb', [rgb(i).astype(np.uint16) * 257 for i in range(3)]
    )
    assert modality.form['scale'].confidence == 'likely'


@pytest.mark.parametrize(
    ('folder', 'channels', 'extras'),
    [
        ('normals', 3, {'geometry': 'normals'}),
        ('aolp', 2, {'geometry': 'aolp'}),
        ('aolp', 1, {}),
        ('lidar', 1, {'interpolation': 'nearest'}),
        ('dolp', 1, {}),
    ],
)
def test_how_values_turn_and_mix(folder, channels, extras, guess):
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-1, 1, (*SIZE, channels)) for _ in range(3)]
    [modality] = guess(folder, arrays)
    found = {key: value.value for key, value in modality.extras.items()}
    assert found == extras


def test_fourth_channel(guess):
    opaque = [
        np.dstack([rgb(i), np.full(SIZE, 255, np.uint8)]) for i in range(3)
    ]
    [modality] = guess('rgb', opaque, '.png')
    assert form(modality)['channels'] == 'rgb'
    assert modality.channels.value == 3
    bands = [np.dstack([rgb(i), rgb(9 + i)[..., 0]]) for i in range(3)]
    first, second = guess('img', bands)
    assert (first.name.value, second.name.value) == ('rgb', 'nir')
    assert form(first)['channels'] == [0, 1, 2]
    assert form(second)['channels'] == [3]
    assert second.channels.value == 1
    assert second.name.confidence == 'a guess'


def test_grey_stored_three_times(guess):
    [modality] = guess(
        'ir', [np.dstack([rgb(i)[..., 0]] * 3) for i in range(3)]
    )
    assert modality.channels.value == 1
    assert form(modality)['channels'] == [0]


def test_grey_among_colour(guess):
    [modality] = guess('rgb', [rgb(0), rgb(1)[..., 0], rgb(2)])
    assert modality.channels.value == 3
    assert form(modality)['channels'] == 'rgb'
    with pytest.raises(Unclear, match='2 or 3 channels'):
        guess('rgb', [rgb(0), rgb(1)[..., :2]])


def test_channels_first(guess):
    with pytest.raises(Unclear, match='channels come last'):
        guess('rgb', [np.zeros((3, 90, 120), np.uint8)])


def test_two_dtypes(guess):
    with pytest.raises(Unclear, match='uint16 or uint8'):
        guess('ir', [np.uint8(celsius(0)), np.uint16(celsius(1))])
