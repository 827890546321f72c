"""A folder of depth becomes the folder that the data set reads."""

import cv2
import numpy as np
import pytest

from mmseg_missing.datasets import MultiModalDataset
from mmseg_missing.datasets.depth import DepthEncoder

TOOL = 'dataset_converters/encode_depth.py'
SIZE = (23, 29)
CAMERA = '20,21,14,11,23,29'
FIELDS = {'fx': 20, 'fy': 21, 'cx': 14, 'cy': 11, 'size': SIZE}


@pytest.fixture
def depth_mm(tmp_path):
    """Three slanted planes with a hole, as files."""
    (tmp_path / 'depth').mkdir()
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    images = [
        (2000 + 40 * column - way * 30 * row).astype(np.uint16)
        for way in (-1, 0, 1)
    ]
    for number, image in enumerate(images):
        image[3:5, 7:11] = 0
        cv2.imwrite(str(tmp_path / f'depth/{number}.png'), image)
    return images


@pytest.mark.parametrize(
    ('encoding', 'form'),
    [
        ('hha', {}),
        ('normals', {'scale': 1 / 127, 'offset': -128 / 127}),
    ],
)
def test_written_files_are_read_by_a_data_set(
    tmp_path, run, capsys, depth_mm, encoding, form
):
    out = tmp_path / 'made' / encoding
    run(
        TOOL, tmp_path / 'depth', '--out', out, '--encoding', encoding,
        '--camera', CAMERA, '--workers', 2,
    )  # fmt: skip
    assert '3 images' in capsys.readouterr().out.splitlines()[-3]
    dataset = MultiModalDataset(
        str(tmp_path / 'made'),
        modalities=[{'name': encoding, 'geometry': 'plain'}],
        names=['0', '1', '2'],
        formats={encoding: {'folder': encoding, 'suffix': '.png', **form}},
        label_folder=None,
        metainfo={'classes': ('a', 'b')},
        pipeline=[{'type': 'mmseg.LoadModalities'}],
    )
    encode = DepthEncoder(encoding, FIELDS)
    for sample, image in zip(dataset, depth_mm, strict=True):
        expected = encode(image * np.float32(0.001))
        np.testing.assert_allclose(
            sample['modalities'][encoding], expected, atol=0.5 / 127 + 1e-6
        )
        assert abs(sample['modalities'][encoding][3, 7]).max() < 1e-6


def test_wrong_folders(tmp_path, refused, depth_mm):
    out = ('--out', tmp_path / 'out', '--camera', CAMERA)
    assert 'no folder' in refused(TOOL, tmp_path / 'nope', *out)
    (tmp_path / 'empty').mkdir()
    assert 'none of them' in refused(TOOL, tmp_path / 'empty', *out)
    depth = tmp_path / 'depth'
    assert 'is the folder' in refused(TOOL, depth, '--out', depth)
    (tmp_path / 'file').touch()
    assert 'cannot be written' in refused(
        TOOL, depth, '--out', tmp_path / 'file/x', '--camera', CAMERA
    )


def test_wrong_files(tmp_path, refused, depth_mm):
    out = ('--out', tmp_path / 'out', '--camera', CAMERA)
    image = tmp_path / 'depth/1.png'
    cv2.imwrite(str(image), np.zeros((*SIZE, 3), np.uint8))
    line = refused(TOOL, tmp_path / 'depth', *out)
    assert '1.png' in line and '3 channels' in line
    cv2.imwrite(str(image), np.zeros(SIZE, np.uint8))
    assert '--scale' in refused(TOOL, tmp_path / 'depth', *out)
    image.write_bytes(image.read_bytes()[:30])
    assert 'truncated' in refused(TOOL, tmp_path / 'depth', *out)


def test_wrong_camera(tmp_path, refused, depth_mm):
    arguments = (TOOL, tmp_path / 'depth', '--out', tmp_path / 'out')
    assert "'nope'" in refused(*arguments, '--camera', 'nope')
    assert 'fx,fy,cx' in refused(*arguments, '--camera', '1,2,3')
    assert 'cropped' in refused(*arguments, '--camera', '9,9,5,5,11,5')
    assert 'fx,fy,cx' in refused(*arguments, '--camera', '9,9,5,5,6.5,8')


@pytest.mark.parametrize('scale', ['0', '-1', 'nan', 'inf'])
def test_wrong_scale(tmp_path, refused, depth_mm, scale):
    arguments = (TOOL, tmp_path / 'depth', '--out', tmp_path / 'out')
    assert '`--scale`' in refused(*arguments, f'--scale={scale}')
