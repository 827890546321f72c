"""What the runtime says of manifests and images, and which graph it takes."""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import mmseg_missing
from mmseg_missing.runtime import PRESENT, Runtime, classes_of

FILE = Path(mmseg_missing.__file__).parent / 'runtime.py'
RGB = np.zeros((5, 7, 3))
DEPTH = np.ones((5, 7, 1))


class Sums:
    """In a session's place: class 1 where the inputs add up to more than 0."""

    def run(self, outputs, arrays):
        assert outputs is None
        images = [x for name, x in arrays.items() if name != PRESENT]
        score = sum(x.sum(1) for x in images)
        self.arrays = arrays
        return [np.stack([np.zeros_like(score), score], 1)]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a manifest and gives its Runtime."""

    def write(files=('rgb', 'rgb+depth'), graphs=None, **changes):
        manifest = {
            'format_version': 1,
            'format': 'onnx',
            'output': 'logits',
            'modalities': [
                {'name': 'rgb', 'channels': 3},
                {'name': 'depth', 'channels': 1},
            ],
            'files': graphs
            or {name: {'file': f'{name}.onnx'} for name in files},
            **changes,
        }
        (tmp_path / 'manifest.json').write_text(json.dumps(manifest))
        runtime = Runtime(tmp_path)
        runtime._sessions = {name: Sums() for name in manifest['files']}
        return runtime

    return write


def test_it_imports_numpy_and_onnxruntime_alone():
    """So that the file may be copied."""
    names = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module.split('.')[0])
    assert names - set(sys.stdlib_module_names) == {'numpy', 'onnxruntime'}


def test_it_takes_the_graph_of_what_is_present(write):
    runtime = write()
    mask = runtime({'rgb': RGB, 'depth': None})
    assert mask.shape == (5, 7) and mask.dtype == np.uint8
    assert not mask.any()
    assert runtime({'depth': DEPTH, 'rgb': RGB}).all()
    arrays = runtime._sessions['rgb+depth'].arrays
    assert list(arrays) == ['rgb', 'depth']
    assert arrays['depth'].shape == (1, 1, 5, 7)
    with pytest.raises(ValueError, match='no graph for depth, only for rgb'):
        runtime({'depth': DEPTH})


def test_one_graph_for_all_hears_what_is_present(write):
    runtime = write([PRESENT])
    logits = runtime({'depth': DEPTH[None].repeat(2, 0)}, mask=False)
    assert logits.shape == (2, 2, 5, 7)
    arrays = runtime._sessions[PRESENT].arrays
    assert arrays[PRESENT].tolist() == [[False, True]] * 2
    assert arrays['rgb'].shape == (2, 3, 5, 7)


@pytest.mark.parametrize(
    ('images', 'error', 'words'),
    [
        ([RGB], TypeError, 'dict of arrays for rgb.depth, got list'),
        ({'hha': RGB}, ValueError, "unknown modality 'hha'; this network"),
        ({}, ValueError, 'nothing is present'),
        ({'rgb': None}, ValueError, 'nothing is present'),
        ({'rgb': DEPTH}, ValueError, r'\(5, 7, 1\), expected \(h, w, 3\)'),
        ({'rgb': RGB[:0]}, ValueError, r'shape \(0, 7, 3\)'),
        ({'rgb': RGB + np.nan}, ValueError, "'rgb' holds NaN"),
        (
            {'rgb': np.ma.masked_less(RGB, 1)},
            ValueError,
            'masked pixels.*; fill them',
        ),
        ({'rgb': RGB.astype(str)}, TypeError, 'array of numbers'),
        ({'rgb': RGB, 'depth': DEPTH[1:]}, ValueError, 'need one size'),
    ],
)
def test_bad_images_get_a_sentence_and_the_next_one_runs(
    write, images, error, words
):
    runtime = write()
    with pytest.raises(error, match=words):
        runtime(images)
    assert runtime({'rgb': RGB}).shape == (5, 7)


def test_pixels_without_a_value_become_the_mean(write):
    depth = {'name': 'depth', 'channels': 1, 'mean': [2.5]}
    runtime = write(['depth'], modalities=[{**depth, 'nodata': [0, 'nan']}])
    runtime({'depth': np.float32([[0, 1, np.nan]])})
    assert runtime._sessions['depth'].arrays['depth'].tolist() == [
        [[[2.5, 1.0, 2.5]]]
    ]
    with pytest.raises(ValueError, match='NaN or infinity'):
        runtime({'depth': np.float32([[np.inf]])})


def test_marks_of_a_scaled_format_are_found_however_rounded(write):
    depth = {'name': 'depth', 'channels': 1, 'mean': [2.5]}
    marks = {'nodata': [-9.999000549316406], 'nodata_within': [5e-6]}
    runtime = write(['depth'], modalities=[{**depth, **marks}])
    runtime({'depth': np.int16([[-9999, -9998]]) / 1000})
    given = runtime._sessions['depth'].arrays['depth']
    np.testing.assert_allclose(given, [[[[2.5, -9.998]]]])


def test_a_graph_says_which_sizes_it_takes(write):
    entry = {'file': 'rgb.onnx', 'batch': 1, 'size': [4, 6]}
    runtime = write(files=(), multiple_of=2)
    runtime.manifest['files'] = {'rgb': entry}
    with pytest.raises(ValueError, match='of 4x6, got 5x7; resize'):
        runtime({'rgb': RGB})
    with pytest.raises(ValueError, match='1 image per call, got 2'):
        runtime({'rgb': np.zeros((2, 4, 6, 3))})
    entry['size'] = None
    with pytest.raises(ValueError, match='got 5x7; pad them with the mean'):
        runtime({'rgb': RGB})


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('{', 'is no manifest'),
        ('[]', 'is no manifest'),
        ('{"format_version": 1}', "KeyError: 'format'"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, text, words):
    path = tmp_path / 'manifest.json'
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        Runtime(path)


@pytest.mark.parametrize(
    'file', ['../rgb.onnx', '/tmp/rgb.onnx', 'a\\rgb.onnx', '..', '', 3]
)
def test_graphs_lie_beside_their_manifest(write, file):
    with pytest.raises(ValueError, match=r'is no manifest .*name of a file'):
        write(graphs={'rgb': {'file': file}})


def test_more_classes_than_a_mask_holds():
    logits = np.zeros((1, 257, 2, 3))
    logits[:, 256] = 1
    with pytest.raises(ValueError, match=r'hold 257 classes; .*mask=False'):
        classes_of(logits)
    assert (classes_of(logits[:, 1:]) == 255).all()


@pytest.mark.parametrize('count', [2, 3, 11, 256])
@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_classes_are_the_first_of_the_largest(count, dtype):
    generator = np.random.default_rng(0)
    # Few values, so that many are equal; and infinite ones.
    logits = generator.integers(-2, 3, (3, count, 7, 9)).astype(dtype)
    logits[logits == -2] = -np.inf
    logits[:, -1, 0] = np.inf
    for given in (logits, logits.transpose(0, 1, 3, 2)):
        before = given.copy()
        found = classes_of(given)
        assert found.dtype == np.uint8
        assert (found == given.argmax(1)).all()
        assert (given == before).all()


@pytest.mark.parametrize('place', [0, 1, 4])
def test_logits_that_are_no_numbers_are_no_class(place):
    logits = np.zeros((1, 5, 4, 6), np.float32)
    logits[0, place, 2, 3] = np.nan
    with pytest.raises(ValueError, match='logits that are no numbers'):
        classes_of(logits)


def test_other_manifests(write, tmp_path):
    with pytest.raises(FileNotFoundError, match='mmseg-missing export'):
        Runtime(tmp_path)
    with pytest.raises(ValueError, match='has version 2, this file reads 1'):
        write(format_version=2)
    with pytest.raises(ValueError, match='format torchscript'):
        write(format='torchscript')


def test_masks_are_no_logits(write):
    runtime = write(output='mask')
    with pytest.raises(ValueError, match='export again without'):
        runtime({'rgb': RGB}, mask=False)


def test_a_graph_that_is_not_there_or_broken(write, tmp_path):
    pytest.importorskip('onnxruntime', reason='pip install onnxruntime')
    runtime = write()
    runtime._sessions = {}
    with pytest.raises(FileNotFoundError, match='copy the whole folder'):
        runtime({'rgb': RGB})
    (tmp_path / 'rgb.onnx').write_text('nonsense')
    with pytest.raises(ValueError, match='is no graph that onnxruntime'):
        runtime({'rgb': RGB})
