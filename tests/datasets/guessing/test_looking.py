"""Whole folders, as users have them."""

import csv

import numpy as np
import pytest

from mmseg_missing.datasets.guessing import Unclear, look_at

from .conftest import COLOURS, SIZE, celsius, depth_m, label, rgb


def names(guess):
    return [modality.name.value for modality in guess.modalities]


def form(guess, name):
    [found] = [m for m in guess.modalities if m.name.value == name]
    return {key: value.value for key, value in found.form.items()}


def test_a_folder_each(rgbd):
    root = rgbd({'thermal/{i:04d}.tiff': lambda i: celsius(i).astype('f4')})
    guess = look_at(root)
    assert names(guess) == ['rgb', 'depth', 'thermal']
    assert form(guess, 'depth')['scale'] == 0.001
    assert guess.size.value == SIZE
    assert not guess.may_be_absent.value
    assert guess.rows[0] == {
        'rgb': 'rgb/0000.png',
        'depth': 'depth/0000.png',
        'thermal': 'thermal/0000.tiff',
        'label': 'labels/0000.png',
        'split': 'train',
    }
    assert sorted(row['split'] for row in guess.rows) == [
        'test',
        *['train'] * 4,
        'val',
    ]


def test_a_flat_folder(fill):
    root = fill(
        {
            '{i}_rgb.png': rgb,
            '{i}_depth.npy': lambda i: depth_m(i).astype('f4'),
            '{i}_mask.png': lambda i: 255 * label(i, 2),
        }
    )
    guess = look_at(root)
    assert names(guess) == ['rgb', 'depth']
    assert guess.rows[2]['depth'] == '2_depth.npy'
    assert guess.label.classes.value == ('background', 'object')


def test_split_folders_first(fill):
    root = fill(
        {
            f'{split}/{kind}/{{i}}.png': make
            for split in ('train', 'val')
            for kind, make in (('rgb', rgb), ('ir', rgb), ('gt', label))
        }
    )
    guess = look_at(root)
    assert names(guess) == ['rgb', 'thermal']
    assert guess.count('train') == guess.count('val') == 6
    assert guess.rows[0]['label'] == 'train/gt/0.png'


def test_absent_files(rgbd):
    root = rgbd()
    (root / 'depth/0002.png').unlink()
    guess = look_at(root)
    assert len(guess.rows) == 6
    assert guess.rows[2]['depth'] == ''
    assert guess.may_be_absent.value is True
    assert '1 lack depth' in guess.may_be_absent.reason


def test_samples_without_a_label_are_left_out(rgbd):
    root = rgbd()
    (root / 'labels/0002.png').unlink()
    guess = look_at(root)
    assert len(guess.rows) == 5
    assert any("'0002'" in note for note in guess.notes)


def test_a_smaller_sensor_is_brought_to_the_size_of_the_first(rgbd):
    root = rgbd({'ir/{i:04d}.png': lambda i: rgb(i, (5, 6))[..., 0]})
    guess = look_at(root)
    assert form(guess, 'thermal')['size'] == SIZE
    assert 'size' not in form(guess, 'depth')


def test_sizes_that_differ_in_every_way(rgbd):
    root = rgbd(
        {
            'rgb/{i:04d}.png': lambda i: rgb(i, (11 + i, 13)),
            'ir/{i:04d}.png': lambda i: rgb(i, (5, 6 + i))[..., 0],
        }
    )
    with pytest.raises(Unclear, match='one size'):
        look_at(root)


def test_sizes_that_differ_between_samples(fill):
    size = lambda i: (11 + i, 13)  # noqa: E731
    root = fill(
        {
            'rgb/{i}.png': lambda i: rgb(i, size(i)),
            'nir/{i}.png': lambda i: rgb(i, size(i))[..., 0],
            'gt/{i}.png': lambda i: np.ones(size(i), np.uint8) * (i % 2),
        }
    )
    guess = look_at(root)
    assert names(guess) == ['rgb', 'nir']
    assert guess.size.confidence == 'likely'


def test_two_labels_are_asked_about(rgbd):
    root = rgbd({'labels_fine/{i:04d}.png': lambda i: label(i, 5)})
    with pytest.raises(Unclear, match='--labels labels'):
        look_at(root)
    guess = look_at(root, labels='labels_fine')
    assert len(guess.label.classes.value) == 5
    assert any("'labels' left out" in note for note in guess.notes)


def test_of_two_labels_the_one_that_holds_classes_is_taken(rgbd):
    root = rgbd({'label_probabilities/{i:04d}.png': rgb})
    assert look_at(root).label.kind == 'labels'


def test_a_picture_of_the_labels_is_no_modality(rgbd):
    root = rgbd({'color/{i:04d}.png': lambda i: COLOURS[label(i)]})
    guess = look_at(root)
    assert names(guess) == ['rgb', 'depth']
    assert any("'color' left out" in note for note in guess.notes)
    assert names(look_at(root, {'paint': 'color'})) == [
        'rgb',
        'depth',
        'paint',
    ]


def test_labels_are_known_by_their_values(fill):
    root = fill({'a/{i}.png': rgb, 'b/{i}.png': rgb, 'c/{i}.png': label})
    guess = look_at(root)
    assert guess.label.kind == 'c'
    assert names(guess) == ['a', 'b']
    assert {m.name.confidence for m in guess.modalities} == {'a guess'}


def test_few_grey_values_are_no_labels(fill):
    dark = lambda i: rgb(i)[..., 0] // 20  # noqa: E731
    root = fill({'a/{i}.png': dark, 'b/{i}.png': dark, 'c/{i}.png': label})
    guess = look_at(root)
    assert guess.label.kind == 'c'
    assert names(guess) == ['a', 'b']


def test_nothing_like_labels(fill):
    root = fill({'rgb/{i}.png': rgb, 'ir/{i}.png': rgb})
    with pytest.raises(Unclear, match='--labels FOLDER'):
        look_at(root)


def test_one_modality_alone(rgbd):
    root = rgbd({'depth/{i:04d}.png': None})
    with pytest.raises(Unclear, match='needs two'):
        look_at(root)


def test_names_that_are_given(rgbd):
    root = rgbd({'cam2/{i:04d}.png': rgb})
    guess = look_at(root, {'thermal': 'cam2'})
    assert names(guess) == ['rgb', 'depth', 'thermal']
    with pytest.raises(Unclear, match=r"'cam2', .* got 'cam3'"):
        look_at(root, {'thermal': 'cam3'})


def test_colours_by_a_table(rgbd, tmp_path):
    root = rgbd({'labels/{i:04d}.png': lambda i: COLOURS[label(i)]})
    table = tmp_path / 'mine.csv'
    table.write_text('road,0,0,0\ncar,128,64,0\nsky,0,0,255\n')
    guess = look_at(root, classes=table)
    assert guess.label.classes.value == ('road', 'car', 'sky')


def test_a_table_of_files(rgbd):
    root = rgbd()
    with open(root / 'all.csv', 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['visible', 'd', 'label', 'split', 'weather'])
        for i in range(6):
            depth = '' if i == 3 else f'depth/{i:04d}.png'
            split = 'train' if i < 4 else 'test'
            cells = [f'rgb/{i:04d}.png', depth, f'labels/{i:04d}.png', split]
            writer.writerow([*cells, 'rain'])
    guess = look_at(root / 'all.csv')
    assert names(guess) == ['rgb', 'd']
    assert guess.rows[3]['d'] == ''
    assert guess.count('test') == 2
    assert guess.count('val') == 1


@pytest.mark.parametrize(
    ('suffix', 'word'), [('.npz', 'npz'), ('.exr', 'exr'), ('', '0 files')]
)
def test_formats_that_are_not_read(tmp_path, suffix, word):
    for folder in ('rgb', 'depth'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f'0{suffix}').write_bytes(b'PK\x03\x04')
    with pytest.raises(Unclear, match=word):
        look_at(tmp_path)


def test_one_damaged_label_is_told(rgbd):
    root = rgbd(count=12)
    (root / 'labels/0004.png').write_bytes(b'\x89PNG')
    guess = look_at(root)
    assert len(guess.label.classes.value) == 3
    assert any('0004.png' in note for note in guess.notes)


def test_files_of_a_modality_that_are_all_damaged(rgbd):
    root = rgbd()
    for path in (root / 'depth').iterdir():
        path.write_bytes(b'\x89PNG')
    with pytest.raises(Unclear, match="no file of 'depth' can be read"):
        look_at(root)


def test_a_list_of_classes_that_is_none(rgbd, tmp_path):
    (tmp_path / 'list.txt').write_text('?\n')
    with pytest.raises(Unclear, match='a line per class'):
        look_at(rgbd(), classes=tmp_path / 'list.txt')


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        look_at(tmp_path / 'nowhere')


def test_too_few_samples(rgbd):
    with pytest.raises(Unclear, match='2 samples'):
        look_at(rgbd(count=2))
