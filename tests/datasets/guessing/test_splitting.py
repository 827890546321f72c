from collections import Counter

import pytest

from mmseg_missing.datasets.guessing.splitting import find_lists, guess_splits

NAMES = [f'{i:04d}' for i in range(50)]


def test_no_splits_are_carved():
    found, guess = guess_splits(NAMES, {})
    assert Counter(found.values()) == {'train': 36, 'val': 4, 'test': 10}
    assert guess.confidence == 'a guess'
    assert guess_splits(NAMES, {})[0] == found


def test_few_samples_make_every_split():
    found, _ = guess_splits(NAMES[:3], {})
    assert sorted(found.values()) == ['test', 'train', 'val']


def test_whole_scenes_are_held_out():
    names = [f'scene{i // 5:02d}/{i}' for i in range(50)]
    found, guess = guess_splits(names, {})
    parts = {(name.split('/')[0], split) for name, split in found.items()}
    assert len(parts) == 10
    assert set(found.values()) == {'train', 'val', 'test'}
    assert 'folder' in guess.reason


def test_folders_say_it():
    told = {name: 'train' if i < 40 else 'val' for i, name in enumerate(NAMES)}
    found, guess = guess_splits(NAMES, told)
    assert found == told
    assert 'test: the samples of val' in guess.reason
    told = {
        name: 'train' if i < 40 else 'test' for i, name in enumerate(NAMES)
    }
    found, guess = guess_splits(NAMES, told)
    assert Counter(found.values()) == {'train': 36, 'val': 4, 'test': 10}
    assert guess.confidence == 'likely'


@pytest.mark.parametrize(
    'line', ['{}', 'rgb/{}.png', '/old/place/rgb/{}.png labels/{}.png']
)
def test_lists_say_it(tmp_path, line):
    for split, names in (('train', NAMES[:4]), ('test', NAMES[4:6])):
        text = '\n'.join(line.replace('{}', name) for name in names)
        (tmp_path / f'{split}_list.txt').write_text(text)
    (tmp_path / 'notes_train.txt').write_text('0001 was dark')
    files = sorted(tmp_path.glob('*.txt'))
    lists = find_lists(tmp_path, files, NAMES)
    assert lists == {'train': NAMES[:4], 'test': NAMES[4:6]}
    found, _ = guess_splits(NAMES, {}, lists)
    assert set(found) == set(NAMES[:6])
    assert found['0003'] == 'val'


def test_a_list_of_other_names_is_none(tmp_path):
    (tmp_path / 'train.txt').write_text('a\nb\n0001\n')
    assert find_lists(tmp_path, [tmp_path / 'train.txt'], NAMES) == {}
