"""The official tree of OMBRIA becomes the folder that the data set reads."""

import cv2
import numpy as np
import pytest

from mmseg_missing.datasets import OMBRIADataset

TOOL = 'dataset_converters/ombria.py'
NAMES = {'train': ['0001', '0007'], 'test': ['0013']}


def tile(seed, *channels):
    """(6, 10) that differs from every other."""
    generator = np.random.default_rng(seed)
    return generator.integers(1, 255, (6, 10, *channels), np.uint8)


@pytest.fixture
def source(tmp_path):
    """Files as the repository names them, each mask in one of two places."""
    root, seed = tmp_path / 'OMBRIA', iter(range(100))

    def write(path, array):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), array)

    def mask():
        return np.where(tile(next(seed)) > 127, 255, 0).astype(np.uint8)

    for s, channels in ((1, ()), (2, (3,))):
        for split, names in NAMES.items():
            folder = root / f'OmbriaS{s}' / split
            for name in names:
                for when in ('before', 'after'):
                    path = folder / when.upper() / f'S{s}_{when}_{name}.png'
                    write(path, tile(next(seed), *channels))
                if s == 1 + (name == '0007'):
                    write(folder / 'MASK' / f'S{s}_mask_{name}.png', mask())
        event = root / '2021' / 'ALBANIA' / f'Sentinel{s}'
        for when in ('before', 'after'):
            path = event / when.upper() / f'im{when}_11.png'
            write(path, tile(next(seed), *channels))
        write(event / 'MASK' / 'gt_11.png', mask())
    return root


def load(root, split):
    pipeline = [
        {'type': 'mmseg.LoadModalities'},
        {'type': 'mmseg.LoadLabel', 'num_classes': 2},
    ]
    channels = {'s1_before': 1, 's1_after': 1, 's2_before': 3, 's2_after': 3}
    return OMBRIADataset(
        str(root),
        split,
        modalities=[{'name': n, 'channels': c} for n, c in channels.items()],
        pipeline=pipeline,
    )


def test_data_set_reads_what_was_published(source, tmp_path, run, capsys):
    out = tmp_path / 'ombria'
    run(TOOL, source, '--out', out)
    said = capsys.readouterr().out.splitlines()[-3]
    assert '4 tiles' in said and '2 train, 1 test, 1 test2021' in said
    second = load(out, 'trainval')[1]
    for key, array in second['modalities'].items():
        s, when = key[1], key[3:]
        path = f'OmbriaS{s}/train/{when.upper()}/S{s}_{when}_0007.png'
        bgr = cv2.imread(str(source / path))
        expected = bgr[..., ::-1] if s == '2' else bgr[..., :1]
        np.testing.assert_array_equal(array, expected)
    path = source / 'OmbriaS2/train/MASK/S2_mask_0007.png'
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(second['gt_seg_map'], mask // 255)
    assert len(load(out, 'test')) == len(load(out, 'test2021')) == 1
    assert (out / 'test2021.txt').read_text() == 'ALBANIA_11\n'


def test_half_the_size_keeps_means_and_every_second_label(
    source, tmp_path, run
):
    for folder, *options in (('whole',), ('half', '--halve')):
        run(TOOL, source, '--out', tmp_path / folder, *options)
    whole = load(tmp_path / 'whole', 'test')[0]
    half = load(tmp_path / 'half', 'test')[0]
    for key, array in half['modalities'].items():
        blocks = whole['modalities'][key].reshape(3, 2, 5, 2, -1)
        # OpenCV rounds halves its own way.
        np.testing.assert_allclose(array, blocks.mean((1, 3)), atol=0.5)
    np.testing.assert_array_equal(
        half['gt_seg_map'], whole['gt_seg_map'][::2, ::2]
    )


def test_another_folder_is_told_what_was_expected(refused, tmp_path):
    line = refused(TOOL, tmp_path, '--out', tmp_path / 'out')
    assert 'OmbriaS1/train/BEFORE' in line and 'no tile of train' in line
    assert not (tmp_path / 'out').exists()


def test_tile_without_all_of_its_images(refused, source, tmp_path):
    (source / 'OmbriaS2/train/AFTER/S2_after_0007.png').unlink()
    line = refused(TOOL, source, '--out', tmp_path / 'out')
    assert 'S2_after_0007.png' in line and 'download' in line
