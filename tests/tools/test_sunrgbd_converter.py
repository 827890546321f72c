"""A tiny SUN RGB-D, in the format of the authors' page, is converted."""

import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.datasets import SUNRGBDDataset

h5py = pytest.importorskip('h5py')
savemat = pytest.importorskip('scipy.io').savemat

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/sunrgbd.py'
HOME = '/n/fs/sun3d/data/SUNRGBD/'
# Below SUNRGBD; the last two are training images, cameras differ in size.
FRAMES = {
    'kv2/kinect2data/000002_2014-05-26_rgbf000103-resize': (7, 11),
    'kv1/NYUdata/NYU0001': (5, 13),
    'xtion/sun3ddata/home/0003': (7, 13),
}
RNG = np.random.default_rng(0)
DEPTHS_MM = [RNG.integers(0, 9000, size) for size in FRAMES.values()]
LABELS = [RNG.integers(0, 38, size) for size in FRAMES.values()]


def write_meta(path, folders=tuple(FRAMES), **changes):
    frames = [
        {
            'sequenceName': f'SUNRGBD/{folder}',
            'rgbpath': f'{HOME}{folder}/image/{index}.jpg',
            'rgbname': f'{index}.jpg',
            'depthname': f'd{index}.png',
            **changes,
        }
        for index, folder in enumerate(folders)
    ]
    fields = [(key, object) for key in frames[0]]
    rows = np.array([[tuple(f.values()) for f in frames]], dtype=fields)
    savemat(path, {'SUNRGBDMeta': rows})


def write_splits(path, train, test):
    lists = {'alltrain': train, 'alltest': test}
    cells = {k: np.array([v], dtype=object) for k, v in lists.items()}
    savemat(path, cells)


def write_labels(path, labels):
    with h5py.File(path, 'w') as file:
        group = file.create_group('SUNRGBD2Dseg')
        cells = group.create_dataset(
            'seglabel', (len(labels), 1), h5py.ref_dtype
        )
        for index, label in enumerate(labels):
            file[f'#refs#/{index}'] = label.T.astype(float)
            cells[index, 0] = file[f'#refs#/{index}'].ref


@pytest.fixture
def sources(tmp_path):
    toolbox = tmp_path / 'SUNRGBDtoolbox'
    for folder in ('Metadata', 'traintestSUNRGBD'):
        (toolbox / folder).mkdir(parents=True)
    for index, (folder, size) in enumerate(FRAMES.items()):
        place = tmp_path / 'SUNRGBD' / folder
        for name in ('image', 'depth', 'depth_bfx'):
            (place / name).mkdir(parents=True)
        rgb = np.full((*size, 3), 50 * index, np.uint8)
        cv2.imwrite(str(place / f'image/{index}.jpg'), rgb)
        depth = DEPTHS_MM[index].astype(np.uint16)
        depth = depth << 3 | depth >> 13
        cv2.imwrite(str(place / f'depth_bfx/d{index}.png'), depth)
        cv2.imwrite(str(place / f'depth/d{index}.png'), depth * 0)
    write_meta(toolbox / 'Metadata/SUNRGBDMeta.mat')
    write_labels(toolbox / 'Metadata/SUNRGBD2Dseg.mat', LABELS)
    # Some of the official paths have two slashes, some end in one.
    first, second, third = FRAMES
    write_splits(
        toolbox / 'traintestSUNRGBD/allsplit.mat',
        [f'{HOME}/{second}', f'{HOME}{third}/'],
        [f'{HOME}{first}'],
    )
    return tmp_path


@pytest.fixture
def convert(sources, monkeypatch):
    """Run the tool as a user does, in this process."""

    def run(*options, images='SUNRGBD', toolbox='SUNRGBDtoolbox'):
        folders = [str(sources / name) for name in (images, toolbox)]
        argv = [str(TOOL), *folders, '--out', str(sources / 'out'), *options]
        monkeypatch.setattr(sys, 'argv', argv)
        run_tool(runpy.run_path(str(TOOL))['main'])

    return run


def open_converted(sources, split):
    stack = [
        {'name': 'rgb', 'channels': 3},
        {'name': 'depth', 'channels': 1},
    ]
    load = [
        {'type': 'mmseg.LoadModalities', 'modalities': stack},
        {'type': 'mmseg.LoadLabel', 'num_classes': 37},
    ]
    return SUNRGBDDataset(str(sources / 'out'), split, pipeline=load)


def test_converted_folder_is_read_by_the_data_set(sources, convert, capsys):
    convert()
    last = capsys.readouterr().out.splitlines()[-3]
    assert '3 frames' in last and '(2 train, 1 test)' in last
    test, train = (open_converted(sources, s) for s in ('test', 'trainval'))
    assert (test.names, train.names) == (['00001'], ['00002', '00003'])
    for index, sample in enumerate([test[0], train[0], train[1]]):
        rgb, depth = sample['modalities'].values()
        assert abs(int(rgb[2, 2, 0]) - 50 * index) < 3  # JPEG
        expected = np.minimum(DEPTHS_MM[index], 8000) / 1000
        np.testing.assert_allclose(depth[..., 0], expected, rtol=1e-6)
        label = np.where(LABELS[index], LABELS[index] - 1, 255)
        np.testing.assert_array_equal(sample['gt_seg_map'], label)


def test_images_are_copied(sources, convert):
    convert()
    source = sources / 'SUNRGBD/kv1/NYUdata/NYU0001/image/1.jpg'
    copied = sources / 'out/RGB/00002.jpg'
    assert copied.read_bytes() == source.read_bytes()


def test_raw_depth(sources, convert):
    convert('--raw-depth')
    assert not open_converted(sources, 'test')[0]['modalities']['depth'].any()


def test_wrong_folder_of_images(convert, capsys):
    assert_refused(convert, capsys, 'kv1, kv2', 'kinect2data', images='out')


def test_wrong_toolbox(convert, capsys):
    words = 'SUNRGBDMeta.mat', 'does not exist', 'SUNRGBDtoolbox'
    assert_refused(convert, capsys, *words, toolbox='SUNRGBD')


def test_meta_of_something_else(sources, convert, capsys):
    path = sources / 'SUNRGBDtoolbox/Metadata/SUNRGBDMeta.mat'
    savemat(path, {'SUNRGBDMeta2DBB': [1, 2]})
    words = "('rgbpath', 'rgbname', 'depthname')", "got ['SUNRGBDMeta2DBB']"
    assert_refused(convert, capsys, *words)


def test_meta_that_is_no_matlab_file(sources, convert, capsys):
    path = sources / 'SUNRGBDtoolbox/Metadata/SUNRGBDMeta.mat'
    path.write_text('<html>not found</html>' * 20)
    assert_refused(convert, capsys, str(path), 'must be a MATLAB file')


@pytest.mark.parametrize('test', [[], [HOME + f for f in FRAMES]])
def test_splits_that_do_not_name_each_frame_once(
    sources, convert, capsys, test
):
    path = sources / 'SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat'
    write_splits(path, [HOME + next(iter(FRAMES))], test)
    counts = f'got 1 and {len(test)} of them'
    assert_refused(convert, capsys, 'each of the 3 frames once', counts)


def test_labels_of_other_frames(sources, convert, capsys):
    path = sources / 'SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat'
    write_labels(path, LABELS[1:])
    assert_refused(convert, capsys, 'each of 3 frames', 'shape (2, 1)')
    with h5py.File(path, 'w') as file:
        file['SUNRGBDMeta'] = [1, 2]
    assert_refused(convert, capsys, "got ['SUNRGBDMeta']")
    path.write_text('<html>not found</html>')
    assert_refused(convert, capsys, 'each of 3 frames', 'no HDF5 file')


def test_label_out_of_range(sources, convert, capsys):
    path = sources / 'SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat'
    write_labels(path, [LABELS[0], LABELS[1] * 0 + 38, LABELS[2]])
    assert_refused(convert, capsys, 'frame 2', 'holds 38, expected 0..37')


def test_depth_of_8_bits(sources, convert, capsys):
    path = sources / 'SUNRGBD/kv1/NYUdata/NYU0001/depth_bfx/d1.png'
    cv2.imwrite(str(path), np.zeros((5, 13), np.uint8))
    assert_refused(convert, capsys, str(path), 'must have 16 bits', 'uint8')


def test_image_that_is_missing(sources, convert, capsys):
    path = sources / 'SUNRGBD/kv1/NYUdata/NYU0001/image/1.jpg'
    path.unlink()
    assert_refused(convert, capsys, str(path), 'does not exist')
    assert not (sources / 'out/train.txt').exists()


def assert_refused(convert, capsys, *words, **folders):
    with pytest.raises(SystemExit) as ended:
        convert(**folders)
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    for word in words:
        assert word in line
