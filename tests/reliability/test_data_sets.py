"""Hostile values for every key of data sets, and hostile lists of samples."""

import copy
import json
import os
import shutil
import signal
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import mmseg_missing

SIZE = (7, 11)
SECONDS = 20
USER_ERRORS = (ValueError, TypeError, KeyError, OSError)
PACKAGE = str(Path(mmseg_missing.__file__).parent)

VALUES = [
    *(None, '', ' ', 'x', 'a\nb', 'a\0b', '../..', 'é' * 5000),
    *(-1, 0, 1, 3, 1.5, 2**63, 10**30, float('nan'), float('inf')),
    *(True, False, b'x', 1j, object()),
    *([], [[]], [None], ['x'], [0], [1, 2], [-1, 5], [float('nan')]),
    *({}, {'x': 1}, {'rgb': None}, {1: 2}, {'name': []}, {'rgb': 3}),
    *((), (5, 3), range(3), {1, 2}),
]


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.ascontiguousarray(array))


@pytest.fixture
def root(tmp_path):
    """Four samples that a folder, a manifest and three data sets read."""
    init_default_scope('mmseg')
    rng = np.random.default_rng(0)
    for i in range(4):
        rgb = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        deep = rng.integers(900, 9000, SIZE, dtype=np.uint16)
        label = (np.arange(SIZE[0] * SIZE[1]) % 3).reshape(SIZE)
        for folder in ('RGB', 'rgb', 'polL_color', 'NIR_warped'):
            write(tmp_path / f'{folder}/{i}.png', rgb)
        write(tmp_path / f'RGB/{i}.jpg', rgb)
        for folder in ('Depth', 'depth'):
            write(tmp_path / f'{folder}/{i}.png', deep)
        for folder in ('Label', 'label', 'GT'):
            write(tmp_path / f'{folder}/{i}.png', label.astype(np.uint8))
        for word, folder in (
            ('rgb', 'img'),
            ('lidar', 'lidar'),
            ('semantic', 'semantic'),
        ):
            image = np.dstack([label + 1] * 3).astype(np.uint8)
            place = f'{folder}/sun/train/MAP_1_point1/{i}_{word}_front.png'
            write(tmp_path / place, image)
    names = ''.join(f'{i}\n' for i in range(4))
    (tmp_path / 'list_folder').mkdir()
    for name in ('train.txt', 'list_folder/train.txt'):
        (tmp_path / name).write_text(names)
    rows = [f'rgb/{i}.png,depth/{i}.png,label/{i}.png,train' for i in range(4)]
    table = '\n'.join(['rgb,depth,label,split', *rows])
    (tmp_path / 'all.csv').write_text(table)
    return tmp_path


RGB = {'name': 'rgb', 'mean': [100.0] * 3, 'std': [50.0] * 3}
DEPTH = {'name': 'depth', 'channels': 1, 'mean': [3.0], 'std': [1.0]}
DEEP = {'dtype': 'uint16', 'scale': 0.001, 'offset': 0.0}
CAMERA = {'fx': 9.0, 'fy': 9.0, 'cx': 5.0, 'cy': 3.0, 'size': SIZE}


def steps(num_classes):
    return [
        {'type': 'LoadModalities'},
        {'type': 'LoadLabel', 'num_classes': num_classes},
        {'type': 'PackModalities'},
    ]


CLASSES = {'classes': ('a', 'b', 'c'), 'palette': [[1, 2, 3]] * 3}
BASE = {
    'test_mode': False,
    'lazy_init': False,
    'serialize_data': True,
    'indices': None,
    'max_refetch': 10,
    'ignore_index': 255,
}
CONFIGS = {
    'folder': {
        'type': 'FolderDataset',
        'data_root': 'ROOT',
        'modalities': [RGB, DEPTH],
        'names': 'train.txt',
        'formats': {
            'rgb': {'folder': 'rgb', 'suffix': '.png', 'channels': [0, 1, 2]},
            'depth': {**DEEP, 'nodata': 0, 'size': SIZE},
            'label': {'folder': 'label', 'suffix': '.png', 'classes': 'abc'},
        },
        'labelled': True,
        'reduce_zero_label': False,
        'metainfo': CLASSES,
        'pipeline': steps(3),
        **BASE,
    },
    'manifest': {
        'type': 'FolderDataset',
        'manifest': 'ROOT/all.csv',
        'split': 'train',
        'modalities': [RGB, {**DEPTH, 'name': 'depth'}],
        'formats': {
            'depth': {
                **DEEP,
                'encode': {'encoding': 'disparity', 'camera': CAMERA},
            }
        },
        'metainfo': CLASSES,
        'pipeline': steps(3),
    },
    'nyuv2': {
        'type': 'NYUv2Dataset',
        'data_root': 'ROOT',
        'split': 'train',
        'modalities': [RGB, DEPTH],
        'num_classes': 40,
        'formats': {'rgb': {'suffix': '.jpg'}},
        'labelled': True,
        'metainfo': {'classes': ('wall', 'floor')},
        'pipeline': steps(40),
        **BASE,
    },
    'mcubes': {
        'type': 'MCubeSDataset',
        'data_root': 'ROOT',
        'split': 'train',
        'modalities': [RGB],
        'columns': (2, 9),
        'formats': None,
        'labelled': True,
        'pipeline': steps(20),
    },
    'deliver': {
        'type': 'DELIVERDataset',
        'data_root': 'ROOT',
        'split': 'train',
        'modalities': [RGB, {**RGB, 'name': 'lidar'}],
        'cases': ('sun', 'night'),
        'failures': 'none',
        'labelled': True,
        'pipeline': steps(25),
    },
    'scenes': {
        'type': 'SceneDataset',
        'modalities': [RGB, DEPTH],
        'num_scenes': 3,
        'size': (8, 12),
        'seed': 0,
        'start': 0,
        'labelled': True,
        'cache': False,
        'metainfo': {'classes': ('wall', 'floor')},
        'pipeline': [{'type': 'PackModalities'}],
        **BASE,
    },
}
CONFIGS['folder']['formats']['label']['classes'] = ('a', 'b', 'c')


def placed(value, root):
    """Return a config whose ROOT is the folder."""
    if isinstance(value, dict):
        return {key: placed(v, root) for key, v in value.items()}
    if isinstance(value, list):
        return [placed(v, root) for v in value]
    return value.replace('ROOT', str(root)) if type(value) is str else value


def keys_of(value, path=()):
    """Yield the path of every key below a config, its type aside."""
    entries = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list) and value and isinstance(value[0], dict):
        entries = enumerate(value)
    for key, below in entries:
        if key != 'type':
            yield (*path, key)
            yield from keys_of(below, (*path, key))


def replaced(config, path, value):
    config = copy.deepcopy(config)
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return config


def value_at(config, path):
    for key in path:
        config = config[key]
    return config


@contextmanager
def limited():
    """Raise where something takes too long."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def opened(config):
    """Return the first sample as arrays; an error is what a user sees."""
    with limited(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        dataset = DATASETS.build(config)
        sample = dataset[0]
    if 'data_samples' not in sample:
        return None
    label = sample['data_samples'].gt_sem_seg.data.numpy()
    return sample['inputs'].numpy(), label, dataset.metainfo['classes']


def outcome_of(config, words):
    """Return what comes of a config, and more about it.

    Args:
        config: of a data set.
        words: of which a sentence must have one.
    """
    try:
        found = opened(config)
    except TimeoutError:
        return 'hang', ''
    except Exception as error:
        text = ' '.join(map(str, error.args)) or type(error).__name__
        raised = traceback.extract_tb(error.__traceback__)[-1]
        is_ours = raised.filename.startswith(PACKAGE)
        says = any(word in text for word in words) and len(text.split()) > 4
        if isinstance(error, USER_ERRORS) and is_ours and says:
            return 'sentence', text
        return 'traceback', f'{type(error).__name__}: {text[:300]}'
    return 'right', found


def is_fine(path, value):
    """Say whether a value may be taken at this place."""
    key, kind = path[-1], type(value)
    whole = kind is int
    number = kind in (int, float) and np.isfinite(float(value))
    rules = {
        'labelled': kind is bool,
        'reduce_zero_label': kind is bool,
        'test_mode': kind is bool,
        'lazy_init': kind is bool,
        'serialize_data': kind is bool,
        'cache': kind is bool,
        'indices': value is None
        or (whole and 0 < value < 5)
        or value in ([0], [1, 2], range(3)),
        'max_refetch': whole and value >= 0,
        'offset': number and abs(value) < 1e30,
        'scale': number and value != 0,
        'nodata': value is None or kind in (int, float, list, tuple),
        'mean': True,
        'std': True,
        'seed': whole and value >= 0,
        'start': whole and value >= 0,
        'num_scenes': whole and 0 < value < 10**7,
        'size': value in (None, (5, 3), [1, 2]),
        'cx': number,
        'cy': number,
        'fx': number and value > 0,
        'fy': number and value > 0,
        'camera': value is None,
        'encode': value is None,
        'channels': value in (None, range(3)),
        'columns': value in (None, (5, 3), [1, 2]),
        'palette': value is None,
        'classes': value is None,
        'metainfo': value is None or kind is dict,
        'split': value is None,
        'cases': False,
        'formats': value is None or kind is dict,
        'suffix': kind is str,
        'name': kind is str,
        'sensor': True,
        'names': value is None,
        'rgb': value is None or value == {},
        'depth': value is None,
        'label': value is None or value == {},
        'pipeline': True,
        'type': False,
    }
    return rules.get(key, False)


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
def test_keys(name, root, outcomes):
    """Every key of every data set, replaced by every hostile value."""
    config = placed(CONFIGS[name], root)
    assert outcome_of(config, [''])[0] == 'right', outcome_of(config, [''])
    for path in keys_of(config):
        for value in VALUES:
            key = '.'.join(map(str, path))
            words = [str(k) for k in path if isinstance(k, str)]
            words += [str(root), 'LoadLabel', 'modality']
            outcome, more = outcome_of(replaced(config, path, value), words)
            same = repr(value) == repr(value_at(config, path))
            if outcome == 'right' and not (same or is_fine(path, value)):
                outcome = 'silent'
            outcomes.add(outcome, f'{name} {key}={value!r:.60}: {more!s:.300}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)


# What stands where a list of names or a manifest should. None: a folder.
LISTS = {
    'empty': b'',
    'blank': b' \n\n\t\n',
    'binary': bytes(range(256)),
    'zeros': bytes(99),
    'latin': 'k\xfcche/1'.encode('latin-1'),
    'utf-16': '0\n1\n'.encode('utf-16'),
    'one long line': b'x' * 100_000,
    'names that are not there': b'7\n8\n',
    'a name with NUL': b'0\n1\0\n',
    'an image': None,
    'a folder': None,
    'a link to itself': None,
    'gone': None,
    'unreadable': None,
}
HEAD = b'rgb,depth,label,split\n'
ROW = b'rgb/0.png,depth/0.png,label/0.png,train\n'
TABLES = {
    'no row': HEAD,
    'no head': ROW,
    'quote left open': HEAD + b'"' + ROW + ROW,
    'odd quotes': HEAD + b'"rgb/0.png"x,depth/0.png,label/0.png,train\n',
    'a cell too many': HEAD + b'x,' + ROW,
    'a cell too few': HEAD + b'rgb/0.png,depth/0.png\n',
    'a column twice': b'rgb,' + HEAD + b'x,' + ROW,
    'another split': HEAD + ROW.replace(b'train', b'val'),
    'no modality': HEAD + b',,label/0.png,train\n',
    'a huge cell': HEAD + b'x' * 200_000 + b',,,train\n',
    'a cell with NUL': HEAD + b'rgb\0/0.png,,label/0.png,train\n',
    'a folder as file': HEAD + ROW.replace(b'rgb/0.png', b'rgb'),
    'semicolons': (HEAD + ROW).replace(b',', b';'),
}
ROWS = [
    *(1, None, 'x', [], {}, [1], [[]], [None], [{}], {'rgb': 'rgb/0.png'}),
    *([{'rgb': 1}], [{'rgb': ['rgb/0.png'], 'split': 'train'}]),
    *([{'rgb': 'rgb/0.png', 'depth': True, 'label': {}, 'split': 'train'}],),
    [{'rgb': 'rgb/0.png', 'depth': None, 'label': 0, 'split': 'train'}],
]


def place(path, kind, data, root):
    """Write hostile bytes, or what is no file at all."""
    if kind == 'an image':
        shutil.copy(root / 'rgb/0.png', path)
    elif kind == 'a folder':
        path.mkdir()
    elif kind == 'a link to itself':
        path.symlink_to(path)
    elif kind == 'unreadable':
        path.write_bytes(ROW)
        path.chmod(0)
    elif data is not None:
        path.write_bytes(data)


@pytest.mark.slow
def test_lists(root, outcomes):
    """Lists of names and manifests that are none."""
    for kind, data in {**LISTS, **TABLES}.items():
        for key, name in (
            *(('names', 'names.txt'), ('manifest', 'table.csv')),
            *(('manifest', 'table.json'), ('list', 'train.txt')),
        ):
            path = root / name
            path.unlink(missing_ok=True)
            place(path, kind, data, root)
            config = config_with(root, key, name)
            outcome, more = outcome_of(config, [name, str(root)])
            if outcome == 'right' and not is_readable(kind, key):
                outcome = 'silent'
            outcomes.add(outcome, f'{kind} as {key} {name}: {more!s:.300}')
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
    for rows in ROWS:
        (root / 'table.json').unlink(missing_ok=True)
        (root / 'table.json').write_text(json.dumps(rows))
        config = config_with(root, 'manifest', 'table.json')
        outcome, more = outcome_of(config, ['table.json', str(root)])
        outcome = 'silent' if outcome == 'right' else outcome
        outcomes.add(outcome, f'{rows}: {more!s:.300}')
    deep = '[' * 100_000
    (root / 'table.json').write_text(deep)
    outcome, more = outcome_of(config, ['table.json'])
    outcomes.add(outcome, f'deep json: {more!s:.300}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)


def config_with(root, key, name):
    if key == 'list':
        return placed(CONFIGS['nyuv2'], root)
    base = 'manifest' if key == 'manifest' else 'folder'
    value = str(root / name) if key == 'manifest' else name
    return {**placed(CONFIGS[base], root), key: value}


def is_readable(kind, key):
    """Say whether a list names what is there; root reads every file."""
    is_row = kind == 'no head' or (kind == 'unreadable' and not os.geteuid())
    return is_row and key == 'list'


@pytest.mark.slow
def test_folders(root, outcomes):
    """Folders that are none, or that hold something else."""
    for number, (folder, change) in enumerate(folder_changes()):
        copied = root.parent / f'copy_{number}'
        shutil.copytree(root, copied)
        change(copied / folder)
        config = placed(CONFIGS['folder'], copied)
        del config['names']
        outcome, more = outcome_of(config, [str(copied)])
        if outcome == 'right' and change is not link_in:
            outcome = 'silent'
        outcomes.add(outcome, f'{folder} {change.__name__}: {more!s:.300}')
    assert not outcomes.faults, '\n'.join(outcomes.faults)


def folder_changes():
    for folder in ('rgb', 'depth', 'label'):
        for change in (gone, emptied, a_file, of_folders, link_in, of_links):
            yield folder, change


def gone(folder):
    shutil.rmtree(folder)


def emptied(folder):
    gone(folder)
    folder.mkdir()


def a_file(folder):
    gone(folder)
    folder.write_bytes(b'x')


def of_folders(folder):
    emptied(folder)
    for i in range(4):
        (folder / f'{i}.png').mkdir()


def link_in(folder):
    """Links back into the folder, which a walk must not follow forever."""
    for i in range(3):
        (folder / f'again{i}').symlink_to(folder)


def of_links(folder):
    emptied(folder)
    for i in range(4):
        (folder / f'{i}.png').symlink_to('nowhere.png')
