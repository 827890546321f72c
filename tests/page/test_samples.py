"""Where the frames of the page come from."""

import cv2
import numpy as np
import pytest

from mmseg_missing.apis.frames import FrameReader
from mmseg_missing.page import Samples, samples
from mmseg_missing.page.samples import MOST_PIXELS

H, W = 32, 48


def test_a_scene_is_a_number(studio):
    first, again, other = (studio.samples.scene(n) for n in (7, 7, 8))
    np.testing.assert_array_equal(first.frame['rgb'], again.frame['rgb'])
    assert (first.frame['rgb'] != other.frame['rgb']).any()
    assert first.name == 'scene 7'
    assert first.label.shape == (H, W)


def test_scene_0_is_the_first_of_the_test_data(studio):
    """So no training has seen it."""
    scene, sample = studio.samples.scene(0), studio.samples.sample(0)
    np.testing.assert_array_equal(scene.label, sample.label)
    assert (sample.label != studio.samples.sample(1).label).any()


@pytest.mark.parametrize('number', [-1, 10**7])
def test_no_such_scene(studio, number):
    with pytest.raises(ValueError, match='the number of a scene'):
        studio.samples.scene(number)


def test_no_such_sample(studio):
    assert len(studio.samples) == 3
    with pytest.raises(ValueError, match='the number of a test sample'):
        studio.samples.sample(3)


@pytest.fixture
def folder(tmp_path):
    """Two samples; depth lies in millimetres, thermal of one is absent."""
    draw = np.random.default_rng(0)
    for name in ('rgb', 'depth', 'thermal', 'label'):
        (tmp_path / name).mkdir()
    for index in range(2):
        rgb = draw.integers(0, 256, (H, W, 3), np.uint8)
        depth = draw.integers(500, 9000, (H, W), np.uint16)
        label = draw.integers(0, 3, (H, W), np.uint8)
        for name, array in {
            'rgb': rgb,
            'depth': depth,
            'label': label,
        }.items():
            cv2.imwrite(str(tmp_path / f'{name}/{index}.png'), array)
    thermal = draw.integers(0, 256, (H, W), np.uint8)
    cv2.imwrite(str(tmp_path / 'thermal/0.png'), thermal)
    return tmp_path


@pytest.fixture
def cfg(load, folder):
    """The tiny network on files of one's own."""
    cfg = load('tiny')
    classes = [f'c{index}' for index in range(11)]
    cfg.test_dataloader.dataset = {
        'type': 'FolderDataset',
        'data_root': str(folder),
        'modalities': cfg.modalities,
        'metainfo': {'classes': classes},
        'formats': {'depth': {'dtype': 'uint16', 'scale': 0.001}},
        'pipeline': [
            {'type': 'LoadModalities', 'absent_file': 'missing'},
            {'type': 'LoadLabel', 'num_classes': 11},
            {'type': 'PackModalities'},
        ],
    }
    return cfg


def test_a_sample_of_files_as_the_data_set_reads_them(cfg, folder):
    data = Samples(cfg)
    assert len(data) == 2 and not data.has_scenes
    sample, lacking = data.sample(0), data.sample(1)
    raw = cv2.imread(str(folder / 'depth/0.png'), cv2.IMREAD_UNCHANGED)
    expected = raw.astype(np.float32) * np.float32(0.001)
    np.testing.assert_allclose(sample.frame['depth'][..., 0], expected)
    label = cv2.imread(str(folder / 'label/0.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(sample.label, label)
    assert list(sample.frame) == ['rgb', 'depth', 'thermal']
    assert list(lacking.frame) == ['rgb', 'depth']
    with pytest.raises(ValueError, match='does not know the built-in scenes'):
        data.scene(0)


def test_channels_of_several_files_are_stacked(cfg, tmp_path):
    """Some data sets have a file per channel of a modality."""
    cfg.test_dataloader.dataset.formats['rgb'] = {'scale': 1.0}
    paths = [tmp_path / f'{channel}.png' for channel in range(3)]
    for channel, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((H, W), channel, np.uint8))
    frame = FrameReader(cfg)({'rgb': paths})
    assert frame['rgb'].shape == (H, W, 3)
    assert frame['rgb'][0, 0].tolist() == [0, 1, 2]


def test_data_that_are_not_at_hand(cfg, folder):
    """Files can still be looked at, in the formats of the config."""
    cfg.test_dataloader.dataset.data_root = 'nowhere'
    data = Samples(cfg)
    assert not len(data) and 'nowhere' in data.reason
    with pytest.raises(ValueError, match=r'not at hand .*nowhere.*upload'):
        data.sample(0)
    path = folder / 'depth/0.png'
    sample = data.uploaded({'rgb': None, 'depth': str(path)})
    raw = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    expected = raw.astype(np.float32) * np.float32(0.001)
    np.testing.assert_allclose(sample.frame['depth'][..., 0], expected)
    assert sample.name == '0' and sample.label is None


def bomb(path):
    """A small file that decodes to many pixels."""
    side = int(MOST_PIXELS**0.5) + 1
    cv2.imwrite(str(path), np.zeros((side, side), np.uint8))
    assert path.stat().st_size < 10**5


def lacking_a_number(path):
    array = np.ones((H, W), np.float32)
    array[3, 5] = np.nan
    with path.open('wb') as file:
        np.save(file, array)


def of_some_size(path):
    cv2.imwrite(str(path), np.zeros((7, 5, 3), np.uint8))


BROKEN = {
    'empty': (lambda path: path.write_bytes(b''), r'truncated, 0 bytes'),
    'text': (
        lambda path: path.write_text('hello'),
        'format that is not known',
    ),
    'zip': (lambda path: path.write_bytes(b'PK\x03\x04'), 'a zip archive'),
    'bomb': (bomb, r'2.1 million pixels, the page takes 2.1'),
    'type': (of_some_size, 'declared as uint16'),
}


@pytest.mark.parametrize(('write', 'said'), BROKEN.values(), ids=BROKEN)
def test_broken_files_are_sentences(cfg, tmp_path, write, said):
    path = tmp_path / 'mine.png'
    write(path)
    with pytest.raises(ValueError, match=said) as found:
        Samples(cfg).uploaded({'depth': path})
    text = str(found.value)
    # By the name that its owner knows, not by where it was put.
    assert text.startswith("depth: file 'mine.png' ")
    assert str(tmp_path) not in text and '\n' not in text


def test_a_cut_file(cfg, folder):
    path = folder / 'rgb/0.png'
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"rgb: file '0.png' is truncated"):
        Samples(cfg).uploaded({'rgb': path})


def test_too_many_bytes(cfg, folder, monkeypatch):
    monkeypatch.setattr(samples, 'MOST_BYTES', 2**10)
    with pytest.raises(ValueError, match=r'MB, the page takes 0\.000977'):
        Samples(cfg).uploaded({'rgb': folder / 'rgb/0.png'})


def test_nothing_uploaded(cfg):
    with pytest.raises(ValueError, match='at least one sensor'):
        Samples(cfg).uploaded({'rgb': None, 'depth': ''})


def test_files_that_the_network_does_not_take(studio, tmp_path):
    """They can be read, but not used: of another size, or with holes."""
    of_some_size(tmp_path / 'rgb.png')
    lacking_a_number(tmp_path / 'depth.npy')
    np.save(tmp_path / 'thermal.npy', np.full((H, W), 20, np.float32))
    paths = {n: tmp_path / f'{n}.npy' for n in ('depth', 'thermal')}
    uploaded = studio.samples.uploaded
    with pytest.raises(ValueError, match="'depth' holds NaN"):
        studio.look(uploaded({'depth': paths['depth']}))
    both = {'rgb': tmp_path / 'rgb.png', 'thermal': paths['thermal']}
    with pytest.raises(ValueError, match='differ in size'):
        studio.look(uploaded(both))
    with pytest.raises(ValueError, match=r"'depth' has shape \(7, 5, 3\)"):
        studio.look(uploaded({'depth': tmp_path / 'rgb.png'}))
