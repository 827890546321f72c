"""A tiny file in the format of nyu_depth_v2_labeled.mat is converted."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.datasets import NYUv2Dataset
from mmseg_missing.datasets.transforms.reading import read_array

h5py = pytest.importorskip('h5py')
savemat = pytest.importorskip('scipy.io').savemat

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/nyuv2.py'
N, H, W = 5, 7, 11
RNG = np.random.default_rng(0)
# A smooth picture, which JPEG keeps to a few steps, stronger in blue.
RAMP = np.linspace(30, 90, N * H * W).reshape(N, H, W, 1)
IMAGES = (RAMP + np.array([0, 60, 120])).astype(np.uint8)
DEPTHS = RNG.uniform(0.7, 10, (N, H, W)).astype(np.float32)
LABELS = RNG.integers(0, 895, (N, H, W)).astype(np.uint16)
MAPPING = np.arange(894) % 40 + 1
OFFICIAL = {
    'images': IMAGES.transpose(0, 3, 2, 1),  # MATLAB's axes, reversed
    'depths': DEPTHS.transpose(0, 2, 1),
    'labels': LABELS.transpose(0, 2, 1),
}


def write_labeled(path, fields=OFFICIAL):
    with h5py.File(path, 'w') as file:
        for name, array in fields.items():
            file[name] = array


@pytest.fixture
def sources(tmp_path):
    write_labeled(tmp_path / 'labeled.mat')
    splits = {'trainNdxs': [[2], [3], [5]], 'testNdxs': [[1], [4]]}
    savemat(tmp_path / 'splits.mat', splits)
    savemat(tmp_path / 'map.mat', {'mapClass': MAPPING[None]})
    return tmp_path


@pytest.fixture
def convert(sources, monkeypatch):
    """Run the tool as a user does, in this process."""

    def run(out='out'):
        files = [str(sources / f'{n}.mat') for n in ('labeled', 'splits')]
        files.append(str(sources / 'map.mat'))
        argv = [str(TOOL), *files, '--out', str(sources / out)]
        monkeypatch.setattr(sys, 'argv', argv)
        run_tool(runpy.run_path(str(TOOL))['main'])

    return run


def test_converted_folder_is_read_by_the_data_set(sources, convert, capsys):
    convert()
    assert '5 frames' in capsys.readouterr().out.splitlines()[-3]
    stack = [
        {'name': 'rgb', 'channels': 3},
        {'name': 'depth', 'channels': 1},
    ]
    load = [
        {'type': 'mmseg.LoadModalities', 'modalities': stack},
        {'type': 'mmseg.LoadLabel', 'num_classes': 40},
    ]
    dataset = NYUv2Dataset(str(sources / 'out'), 'trainval', pipeline=load)
    assert len(dataset) == 3
    for sample, index in zip(dataset, (1, 2, 4), strict=True):
        rgb, depth = sample['modalities'].values()
        error = np.abs(rgb.astype(int) - IMAGES[index])
        assert error.mean() < 3  # JPEG
        np.testing.assert_allclose(
            depth[..., 0], DEPTHS[index], atol=5.1e-4
        )  # half a millimetre
        expected = np.where(LABELS[index], (LABELS[index] - 1) % 40, 255)
        np.testing.assert_array_equal(sample['gt_seg_map'], expected)


def test_lists_hold_the_official_numbers(sources, convert):
    convert()
    out = sources / 'out'
    assert (out / 'train.txt').read_text() == '0002\n0003\n0005\n'
    assert (out / 'test.txt').read_text() == '0001\n0004\n'


def test_13_classes_follow_the_40(sources, convert):
    convert()
    label_40 = read_array(sources / 'out/Label/0001.png')
    label_13 = read_array(sources / 'out/Label13/0001.png')
    known = {0: 0, 1: 12, 2: 5, 4: 1, 9: 13, 22: 3, 25: 11, 40: 7}
    for old, new in known.items():
        assert (label_13[label_40 == old] == new).all()
    assert label_13.max() == 13


@pytest.mark.parametrize(
    ('fields', 'found'),
    [
        ({'images': OFFICIAL['images']}, "got {'images'"),
        ({**OFFICIAL, 'depths': DEPTHS.astype('f8')}, 'float64'),
        ({**OFFICIAL, 'labels': LABELS}, 'the shapes'),
    ],
)
def test_other_hdf5_files(sources, convert, capsys, fields, found):
    write_labeled(sources / 'labeled.mat', fields)
    assert_refused(convert, capsys, 'labeled.mat', 'v7.3', found)


def test_no_hdf5_file(sources, convert, capsys):
    (sources / 'labeled.mat').write_text('<html>not found</html>')
    assert_refused(convert, capsys, 'labeled.mat', 'v7.3', 'no HDF5')


def test_no_file_at_all(sources, convert, capsys):
    (sources / 'labeled.mat').unlink()
    assert_refused(convert, capsys, 'labeled.mat', 'does not exist')


def test_splits_of_other_frames(sources, convert, capsys):
    savemat(
        sources / 'splits.mat', {'trainNdxs': [[2], [3]], 'testNdxs': [[9]]}
    )
    assert_refused(convert, capsys, 'splits.mat', '3 numbers from 2 to 9')


def test_swapped_files(sources, convert, capsys):
    savemat(sources / 'splits.mat', {'mapClass': MAPPING})
    assert_refused(convert, capsys, 'splits.mat', 'trainNdxs', "['mapClass']")


@pytest.mark.parametrize('mapping', [MAPPING[:40], MAPPING + 1])
def test_wrong_mapping(sources, convert, capsys, mapping):
    savemat(sources / 'map.mat', {'mapClass': mapping})
    assert_refused(convert, capsys, 'map.mat', '894 numbers')


def test_mapping_that_is_no_matlab_file(sources, convert, capsys):
    (sources / 'map.mat').write_text('<html>not found</html>' * 20)
    assert_refused(convert, capsys, 'map.mat', 'must be a MATLAB file')


@pytest.mark.parametrize('file', ['splits.mat', 'map.mat'])
def test_a_file_that_is_empty(sources, convert, capsys, file):
    (sources / file).write_bytes(b'')
    assert_refused(convert, capsys, file, 'must be a MATLAB file')


def test_frames_that_are_none(sources, convert, capsys):
    labels = np.full_like(OFFICIAL['labels'], 9999)
    write_labeled(sources / 'labeled.mat', {**OFFICIAL, 'labels': labels})
    assert_refused(convert, capsys, 'labeled.mat', 'labels up to 894')


def test_splits_that_are_empty(sources, convert, capsys):
    splits = {'trainNdxs': np.zeros((0, 1)), 'testNdxs': np.zeros((0, 1))}
    savemat(sources / 'splits.mat', splits)
    assert_refused(convert, capsys, 'splits.mat', 'got 0 numbers')


def test_out_that_cannot_be_written(sources, convert, capsys):
    (sources / 'out').touch()
    assert_refused(convert, capsys, 'out', 'cannot be written', '--out')


def assert_refused(convert, capsys, *words):
    with pytest.raises(SystemExit) as ended:
        convert()
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line
