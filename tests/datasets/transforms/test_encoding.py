"""Depth is encoded while it is read, or in a loaded sample."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

import mmseg_missing
from mmseg_missing.datasets import (
    MultiModalDataset,
    NYUv2Dataset,
    SceneDataset,
)
from mmseg_missing.datasets.depth import DepthEncoder
from mmseg_missing.datasets.transforms import EncodeDepth

CONFIGS = Path(mmseg_missing.__file__).parents[1] / 'configs/_base_/datasets'
CAMERA = {'fx': 9, 'fy': 9, 'cx': 6, 'cy': 5, 'size': (11, 13)}
COMPUTED = {
    'folder': 'Depth',
    'suffix': '.png',
    'dtype': 'uint16',
    'scale': 0.001,
    'encode': {'encoding': 'hha', 'camera': CAMERA},
}
STACK = [
    {'name': 'rgb'},
    {'name': 'hha', 'std': [255.0]},
]
LOAD = [{'type': 'mmseg.LoadModalities'}]


def nyuv2(root, **hha):
    formats = {'hha': {**COMPUTED, **hha}}
    return NYUv2Dataset(
        str(root), modalities=STACK, formats=formats, pipeline=LOAD
    )


def depth_of(root, name='0'):
    return cv2.imread(str(root / f'Depth/{name}.png'), -1) * np.float32(0.001)


def test_hha_from_the_files_of_depth(folders_root):
    dataset = nyuv2(folders_root)
    expected = DepthEncoder('hha', CAMERA)(depth_of(folders_root))
    got = dataset[0]['modalities']['hha']
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, expected)
    assert got.any()


def test_an_absent_depth_is_an_absent_hha(folders_root):
    (folders_root / 'Depth/0.png').unlink()
    dataset = nyuv2(folders_root)
    dataset.pipeline.transforms[0].absent_file = 'missing'
    sample = dataset[0]
    assert sample['present'] == {'rgb': True, 'hha': False}
    assert not sample['modalities']['hha'].any()


def test_the_config_reads_depth_and_not_hha(folders_root):
    config = Config.fromfile(CONFIGS / 'nyuv2-40_rgb-hha-computed_480x640.py')
    for path in (folders_root / 'HHA').iterdir():
        path.unlink()
    for image in (folders_root / 'Depth').iterdir():  # as large as it says
        depth = cv2.imread(str(image), -1)
        cv2.imwrite(str(image), cv2.resize(depth, (32, 24)))
    for image in (folders_root / 'RGB').iterdir():
        rgb = cv2.imread(str(image))
        cv2.imwrite(str(image), cv2.resize(rgb, (32, 24)))
    for loader in (config.train_dataloader, config.test_dataloader):
        loader.dataset.update(data_root=str(folders_root), pipeline=LOAD)
        del loader.dataset['type']
        hha = NYUv2Dataset(**loader.dataset)[0]['modalities']['hha']
        assert hha.shape == (24, 32, 3) and hha.any()


def test_normals_beside_depth(folders_root):
    normals = {
        **COMPUTED,
        'encode': {**COMPUTED['encode'], 'encoding': 'normals'},
    }
    depth = {k: v for k, v in COMPUTED.items() if k != 'encode'}
    dataset = MultiModalDataset(
        str(folders_root),
        modalities=[
            {'name': 'depth', 'channels': 1},
            {'name': 'normals', 'geometry': 'normals'},
        ],
        names=['0'],
        formats={'depth': depth, 'normals': normals},
        label_folder='Label',
        metainfo={'classes': ('a', 'b')},
        pipeline=[*LOAD, {'type': 'mmseg.RandomFlipModalities', 'prob': 1.0}],
    )
    arrays = dataset[0]['modalities']
    expected = DepthEncoder('normals', CAMERA)(depth_of(folders_root))
    np.testing.assert_allclose(
        arrays['normals'], expected[:, ::-1] * (-1, 1, 1), atol=1e-6
    )
    assert arrays['depth'].shape == (11, 13, 1)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'encode': {'encoding': 'hha'}}, 'needs the intrinsics'),
        ({'encode': {'encoding': 'nope', 'camera': 'nyuv2'}}, "'nope'"),
        ({'encode': {'encoding': 'hha', 'camera': 'nope'}}, "'nope'"),
    ],
)
def test_a_wrong_encoding_dies_while_the_data_set_is_built(
    folders_root, changes, said
):
    with pytest.raises(ValueError, match=said):
        nyuv2(folders_root, **changes)


def test_a_stack_that_declares_other_channels(folders_root):
    disparity = {'encoding': 'disparity'}
    with pytest.raises(ValueError, match=r"'hha'.*'disparity'.*1 channels.*3"):
        nyuv2(folders_root, encode=disparity)[0]


def test_rgb_is_no_depth(folders_root):
    dataset = nyuv2(folders_root, folder='RGB', suffix='.jpg', dtype='uint8')
    with pytest.raises(ValueError, match=r'3 channels.*1'):
        dataset[0]


def test_of_a_loaded_sample():
    """Scenes come loaded; their depth becomes disparity."""
    stack = [{'name': 'rgb'}, {'name': 'disparity', 'channels': 1}]
    dataset = SceneDataset(
        ['rgb', 'depth'],
        num_scenes=1,
        size=(19, 23),
        pipeline=[
            {'type': 'mmseg.EncodeDepth', 'encoding': 'disparity'},
            {
                'type': 'mmseg.RandomFlipModalities',
                'prob': 0.0,
                'modalities': stack,
            },
            {'type': 'mmseg.PackModalities', 'modalities': stack},
        ],
    )
    sample = dataset[0]
    depth = dataset.get_data_info(0)['modalities']['depth']
    expected = np.where(depth > 0, 1 / np.maximum(depth, 0.1), 0)
    np.testing.assert_allclose(
        sample['inputs'][3:].numpy()[0], expected[..., 0]
    )
    assert sample['data_samples'].present.tolist() == [True, True]


def test_of_a_sample_without_depth(sample):
    del sample['modalities']['depth']
    with pytest.raises(KeyError, match=r"'depth'.*\['rgb'\].*source"):
        EncodeDepth('disparity')(sample)


def test_an_absent_source(sample):
    sample['present']['depth'] = False
    sample['modalities']['depth'][:] = 0
    out = EncodeDepth('normals', CAMERA)(sample)
    assert out['present']['normals'] is False
    assert not out['modalities']['normals'].any()
