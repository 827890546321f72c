import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_missing.datasets.transforms import LoadLabel, LoadModalities

DEPTH_M = {'dtype': 'uint16', 'scale': 0.001}


@pytest.fixture
def results(tmp_path):
    """Paths to a 5x7 rgb png, a 16-bit depth png and a label."""
    rgb = np.arange(105, dtype=np.uint8).reshape(5, 7, 3)
    cv2.imwrite(str(tmp_path / 'rgb.png'), rgb)
    depth = np.arange(35, dtype=np.uint16).reshape(5, 7) * 100
    cv2.imwrite(str(tmp_path / 'depth.png'), depth)
    label = np.arange(35, dtype=np.uint8).reshape(5, 7) % 4
    cv2.imwrite(str(tmp_path / 'label.png'), label)
    return {
        'modality_paths': {
            'rgb': str(tmp_path / 'rgb.png'),
            'depth': str(tmp_path / 'depth.png'),
        },
        'modality_formats': {'depth': DEPTH_M},
        'seg_map_path': str(tmp_path / 'label.png'),
        'ori_shape': (5, 7),
    }


def test_each_modality_in_its_own_unit(results, modalities):
    loaded = LoadModalities(modalities)(results)
    rgb, depth = loaded['modalities'].values()
    assert list(loaded['modalities']) == ['rgb', 'depth']
    assert rgb.dtype == np.uint8 and rgb.shape == (5, 7, 3)
    np.testing.assert_array_equal(rgb[0, 0], (2, 1, 0))  # written as BGR
    assert depth.dtype == np.float32 and depth.shape == (5, 7, 1)
    np.testing.assert_allclose(depth[4, 6], 3.4, rtol=1e-6)
    assert loaded['img_shape'] == loaded['ori_shape'] == (5, 7)
    assert loaded['present'] == {'rgb': True, 'depth': True}


def test_scale_and_offset(results, modalities):
    form = {'dtype': 'uint16', 'scale': 0.01, 'offset': -1.0}
    results['modality_formats'] = {'depth': form}
    depth = LoadModalities(modalities)(results)['modalities']['depth']
    np.testing.assert_allclose(depth[0, :3, 0], (-1, 0, 1), atol=1e-6)


def test_absent_file_is_an_error_by_default(results, modalities):
    results['modality_paths']['depth'] = 'gone.png'
    words = r"gone\.png' of 'depth' does not.*`absent_file='missing'`"
    with pytest.raises(FileNotFoundError, match=words):
        LoadModalities(modalities)(results)


def test_absent_file_can_mark_the_sample(results, modalities):
    results['modality_paths']['depth'] = 'gone.png'
    loaded = LoadModalities(modalities, absent_file='missing')(results)
    assert loaded['present'] == {'rgb': True, 'depth': False}
    depth = loaded['modalities']['depth']
    assert depth.shape == (5, 7, 1) and not depth.any()


def test_truncated_file_is_never_merely_missing(results, modalities, tmp_path):
    data = (tmp_path / 'depth.png').read_bytes()
    (tmp_path / 'depth.png').write_bytes(data[:-20])
    with pytest.raises(ValueError, match='truncated'):
        LoadModalities(modalities, absent_file='missing')(results)


def test_a_sample_without_any_file(results, modalities):
    results['modality_paths'] = {'rgb': 'a.png', 'depth': 'b.png'}
    with pytest.raises(FileNotFoundError, match=r'a\.png.*b\.png'):
        LoadModalities(modalities, absent_file='missing')(results)


def test_wrong_bit_depth(results, modalities):
    results['modality_formats'] = {}
    with pytest.raises(ValueError, match=r"uint16.*'depth'.*uint8.*formats"):
        LoadModalities(modalities)(results)


def test_wrong_channels(results, modalities):
    modalities[0].update(channels=1, mean=[0])
    with pytest.raises(ValueError, match=r"3 channels.*'rgb' has 1"):
        LoadModalities(modalities)(results)


def test_some_channels_of_a_file(results, tmp_path):
    rgbt = np.arange(140, dtype=np.uint8).reshape(5, 7, 4)
    cv2.imwrite(str(tmp_path / 'rgbt.png'), rgbt[..., [2, 1, 0, 3]])
    stack = [
        {'name': 'thermal', 'channels': 1},
        {'name': 'rgb', 'channels': 3},
    ]
    results['modality_paths'] = {
        name: str(tmp_path / 'rgbt.png') for name in ('rgb', 'thermal')
    }
    results['modality_formats'] = {
        'thermal': {'channels': [3], 'scale': 0.5},
        'rgb': {'channels': [0, 1, 2]},
    }
    thermal, rgb = LoadModalities(stack)(results)['modalities'].values()
    np.testing.assert_array_equal(thermal, rgbt[..., 3:] * np.float32(0.5))
    np.testing.assert_array_equal(rgb, rgbt[..., :3])
    assert rgb.dtype == np.uint8 and rgb.flags.c_contiguous


@pytest.mark.parametrize(
    ('channels', 'message'),
    [([3], r'takes \[3\]'), ([0, 1], r"'depth' has 1 .*takes \[0, 1\]")],
)
def test_channels_that_do_not_fit(results, modalities, channels, message):
    results['modality_formats'] = {'depth': {**DEPTH_M, 'channels': channels}}
    with pytest.raises(
        ValueError, match=rf'depth\.png.* 1 channels.*{message}'
    ):
        LoadModalities(modalities)(results)


def test_other_size(results, modalities, tmp_path):
    cv2.imwrite(str(tmp_path / 'depth.png'), np.zeros((5, 9), np.uint16))
    with pytest.raises(ValueError, match=r'depth\.png.*5 x 9.*rgb\.png.*5 x'):
        LoadModalities(modalities)(results)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_nan_in_depth(results, modalities, tmp_path, value):
    depth = np.ones((5, 7), np.float32)
    depth[2, 3] = value
    np.save(tmp_path / 'depth.npy', depth)
    results['modality_paths']['depth'] = str(tmp_path / 'depth.npy')
    results['modality_formats'] = {'depth': {'dtype': 'float32'}}
    with pytest.raises(ValueError, match=r"depth\.npy.*'depth' holds NaN"):
        LoadModalities(modalities)(results)


def test_modality_that_the_data_set_does_not_give(results, modalities):
    del results['modality_paths']['depth']
    with pytest.raises(KeyError, match=r"\['rgb'\], not 'depth'"):
        LoadModalities(modalities)(results)


def test_unknown_absent_file(modalities):
    with pytest.raises(ValueError, match="'skip'"):
        LoadModalities(modalities, absent_file='skip')


def test_label_as_it_is(results):
    label = LoadLabel(4)(results)['gt_seg_map']
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label[0], (0, 1, 2, 3, 0, 1, 2))


def test_label_that_counts_from_one(results):
    results['reduce_zero_label'] = True
    label = LoadLabel(3)(results)['gt_seg_map']
    np.testing.assert_array_equal(label[0], (255, 0, 1, 2, 255, 0, 1))


def test_ignored_pixels_stay_ignored(results, tmp_path):
    raw = np.array([[0, 1, 255, 3, 3]], np.uint8)
    cv2.imwrite(str(tmp_path / 'label.png'), raw)
    results.update(reduce_zero_label=True, ori_shape=(1, 5))
    label = LoadLabel(3)(results)['gt_seg_map']
    np.testing.assert_array_equal(label[0], (255, 0, 255, 2, 2))


def test_label_map(results):
    results['label_map'] = {0: 255, 1: 0, 2: 1, 3: 255}
    label = LoadLabel(4)(results)['gt_seg_map']
    np.testing.assert_array_equal(label[0], (255, 0, 1, 255, 255, 0, 1))


@pytest.mark.parametrize(
    ('reduce', 'classes', 'span'),
    [(False, 3, r'0\.\.2'), (True, 2, r'1\.\.2')],
)
def test_value_outside_the_classes(results, reduce, classes, span):
    results['reduce_zero_label'] = reduce
    message = rf'label\.png.* value 3, .*{span}; check `num_classes`'
    with pytest.raises(ValueError, match=message):
        LoadLabel(classes)(results)


def test_label_of_other_size(results):
    results['ori_shape'] = (7, 5)
    with pytest.raises(ValueError, match=r'label\.png.*5 x 7.*7 x 5'):
        LoadLabel(4)(results)


def test_color_label(results):
    results['seg_map_path'] = results['modality_paths']['rgb']
    with pytest.raises(ValueError, match=r'rgb\.png.*one channel.*with 3'):
        LoadLabel(4)(results)


def label_of(results, tmp_path, array, name='label.png', **options):
    """Load a label that Pillow or NumPy wrote."""
    path = tmp_path / name
    if path.suffix == '.npy':
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)
    results.update(seg_map_path=str(path), ori_shape=array.shape[:2])
    return LoadLabel(**options)(results)['gt_seg_map']


def test_a_mask_of_one_bit(results, tmp_path):
    mask = np.arange(35).reshape(5, 7) % 3 == 0
    label = label_of(results, tmp_path, mask, num_classes=2)
    np.testing.assert_array_equal(label, mask)


@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
def test_a_mask_of_0_and_255(results, tmp_path, dtype):
    mask = (np.arange(35).reshape(5, 7) % 3 == 0).astype(dtype)
    values = {0: 0, 255: 1}
    label = label_of(
        results, tmp_path, mask * 255, num_classes=2, values=values
    )
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, mask)


@pytest.mark.parametrize('name', ['label.png', 'label.tif', 'label.npy'])
def test_classes_with_other_numbers(results, tmp_path, name):
    raw = np.array([[0, 7, 1000], [1000, 7, 7]], np.uint16)
    values = {0: 255, 1000: 1, 7: 0}
    label = label_of(
        results, tmp_path, raw, name, num_classes=2, values=values
    )
    np.testing.assert_array_equal(label, [[255, 0, 1], [1, 0, 0]])


def test_a_value_that_is_not_listed(results, tmp_path):
    raw = np.uint8([[0, 255, 254]])
    values = {0: 0, 255: 1}
    with pytest.raises(ValueError, match=r'label\.png.* value 254, .*values'):
        label_of(results, tmp_path, raw, num_classes=2, values=values)


@pytest.mark.parametrize('name', ['label.png', 'label.tif', 'label.npy'])
def test_classes_by_colour(results, tmp_path, name):
    """A colour is 0xRRGGBB: files are red first, whatever OpenCV does."""
    raw = np.uint8([[[0, 0, 0], [255, 128, 0]], [[0, 0, 255], [0, 0, 0]]])
    values = {0x000000: 255, 0xFF8000: 1, 0x0000FF: 0}
    label = label_of(
        results, tmp_path, raw, name, num_classes=2, values=values
    )
    np.testing.assert_array_equal(label, [[255, 1], [0, 255]])
    with pytest.raises(ValueError, match=r'16744448 \(0xff8000\)'):
        label_of(results, tmp_path, raw, name, num_classes=2, values={0: 0})
    with pytest.raises(ValueError, match='`values` of LoadLabel'):
        label_of(results, tmp_path, raw, name, num_classes=2)


@pytest.mark.parametrize('dtype', ['uint16', 'int16', 'int64', 'bool'])
def test_whole_numbers_of_any_size(results, tmp_path, dtype):
    raw = np.array([[0, 1, 1], [1, 0, 0]]).astype(dtype)
    label = label_of(results, tmp_path, raw, 'label.npy', num_classes=2)
    assert label.dtype == np.uint8
    np.testing.assert_array_equal(label, raw)
    results['reduce_zero_label'] = True
    label = label_of(results, tmp_path, raw, 'label.npy', num_classes=2)
    np.testing.assert_array_equal(label, np.where(raw, 0, 255))


@pytest.mark.parametrize('value', [-1, 300, 65535])
def test_numbers_do_not_wrap(results, tmp_path, value):
    raw = np.array([[0, 1, value]], np.int32)
    with pytest.raises(ValueError, match=rf'label\.npy.* value {value}, '):
        label_of(results, tmp_path, raw, 'label.npy', num_classes=2)


def test_labels_that_are_no_whole_numbers(results, tmp_path):
    with pytest.raises(ValueError, match=r'label\.npy.*whole.*float64'):
        label_of(
            results, tmp_path, np.zeros((5, 7)), 'label.npy', num_classes=2
        )


def test_either_values_or_reduce_zero_label(results, tmp_path):
    results['reduce_zero_label'] = True
    raw, values = np.zeros((5, 7), np.uint8), {0: 0}
    with pytest.raises(ValueError, match='set one of them'):
        label_of(results, tmp_path, raw, num_classes=2, values=values)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'num_classes': 0}, 'num_classes` must be at least 1'),
        ({'num_classes': 256}, 'at most 255'),
        ({'num_classes': 2.0}, 'whole number'),
        ({'num_classes': 2, 'palette': 1}, 'palette` takes True or False'),
        ({'num_classes': 2, 'values': [0, 1]}, 'maps stored values'),
        ({'num_classes': 2, 'values': {}}, 'maps stored values'),
        ({'num_classes': 2, 'values': {'0': 1}}, 'whole number'),
        ({'num_classes': 2, 'values': {0: 2}}, 'class 2, but num_classes=2'),
        ({'num_classes': 2, 'values': {0: -1}}, r'values\[0\]` must be at'),
    ],
)
def test_options_of_labels(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        LoadLabel(**options)


def test_labels_come_after_modalities(results):
    del results['ori_shape']
    with pytest.raises(KeyError, match='put LoadModalities before it'):
        LoadLabel(4)(results)
