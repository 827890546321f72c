import json
import warnings
from copy import deepcopy
from functools import partial

import cv2
import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS

from mmseg_missing.datasets import FolderDataset
from mmseg_missing.datasets.manifest import LeftOutWarning

SIZE = (5, 7)
NAMES = ['berlin/01', 'berlin/02', 'rome/a.b']
STACK = [{'name': 'rgb'}, {'name': 'ir', 'channels': 1}]
FORMATS = {
    'rgb': {'folder': 'images', 'suffix': '_rgb.png'},
    'ir': {'dtype': 'uint16', 'scale': 0.5, 'offset': -273.0},
    'label': {'folder': 'images', 'suffix': '_label.png'},
}
META = {'classes': ('road', 'person')}


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


@pytest.fixture
def root(tmp_path):
    """Three samples in two cities; their number is in every file."""
    for number, name in enumerate(NAMES):
        rgb = np.full((*SIZE, 3), (30, 20, 10 + number), np.uint8)  # BGR
        write(tmp_path / f'images/{name}_rgb.png', rgb)
        ir = np.full(SIZE, 600 + 2 * number, np.uint16)
        write(tmp_path / f'ir/{name}.png', ir)
        label = np.full(SIZE, number % 2, np.uint8)
        write(tmp_path / f'images/{name}_label.png', label)
    (tmp_path / 'images/._berlin_label.png').touch()  # of a file manager
    (tmp_path / 'images/rome').rename(tmp_path / 'elsewhere')
    (tmp_path / 'images/rome').symlink_to(tmp_path / 'elsewhere')
    return tmp_path


@pytest.fixture
def table():
    """The samples as a manifest has them; the second lacks its ir."""
    cells = [
        {
            'rgb': f'images/{name}_rgb.png',
            'ir': f'ir/{name}.png',
            'label': f'images/{name}_label.png',
            'split': 'test' if name == NAMES[2] else 'train',
            'weather': 'rain, fog',
        }
        for name in NAMES
    ]
    cells[1]['ir'] = ''
    return cells


def write_csv(path, table):
    lines = [','.join(table[0])]
    lines += [','.join(f'"{v}"' for v in row.values()) for row in table]
    path.write_text('\n'.join(lines), 'utf-8-sig')  # as Excel does


def write_json(path, table):
    table = [{k: v for k, v in row.items() if v} for row in table]
    path.write_text(json.dumps(table))


def steps(absent_file='error'):
    return [
        {'type': 'LoadModalities', 'absent_file': absent_file},
        {'type': 'LoadLabel', 'num_classes': 2},
        {'type': 'PackModalities'},
    ]


open_manifest = partial(
    FolderDataset,
    STACK,
    formats={'ir': FORMATS['ir']},
    metainfo=META,
    pipeline=steps('missing'),
    serialize_data=False,
)
open_folder = partial(
    FolderDataset,
    STACK,
    formats=FORMATS,
    metainfo=META,
    pipeline=steps(),
    serialize_data=False,
)


def values(dataset):
    """The first pixel of every sample, then its label."""
    samples = [dataset[i] for i in range(len(dataset))]
    return [
        (
            *s['inputs'][:, 0, 0].tolist(),
            int(s['data_samples'].gt_sem_seg.data[0, 0, 0]),
        )
        for s in samples
    ]


def test_a_listed_folder_through_the_pipeline(root):
    dataset = DATASETS.build(
        {
            'type': 'FolderDataset',
            'data_root': str(root),
            'modalities': STACK,
            'formats': FORMATS,
            'metainfo': META,
            'pipeline': steps(),
        }
    )
    assert values(dataset) == [
        (10, 20, 30, 27, 0),
        (11, 20, 30, 28, 1),
        (12, 20, 30, 29, 0),
    ]
    assert dataset[0]['data_samples'].present.tolist() == [True, True]
    assert len(pseudo_collate([dataset[i] for i in range(3)])['inputs']) == 3
    assert dataset.metainfo['classes'] == META['classes']
    assert dataset.metainfo['palette'] == [(128, 0, 0), (0, 128, 0)]
    assert dataset.metainfo['split'] == 'all'


def test_a_list_file(root):
    (root / 'val.txt').write_text('rome/a.b\n\nberlin/02 \n')
    dataset = open_folder(str(root), 'val.txt')
    assert [v[0] for v in values(dataset)] == [12, 11]
    assert dataset.metainfo['split'] == 'val.txt'


def test_formats_may_be_left_out(tmp_path):
    for kind in ('rgb', 'label'):
        write(tmp_path / kind / '1.png', np.ones(SIZE, np.uint8))
    dataset = FolderDataset(
        [{'name': 'rgb', 'channels': 1}],
        str(tmp_path),
        metainfo=META,
        pipeline=steps(),
    )
    assert values(dataset) == [(1, 1)]


def test_a_misspelt_format_is_told(tmp_path):
    for kind in ('depth', 'label'):
        write(tmp_path / kind / '1.png', np.ones(SIZE, np.uint8))
    settings = {'metainfo': META, 'pipeline': steps()}
    stack = [{'name': 'depth', 'channels': 1}]
    with pytest.warns(UserWarning, match="has 'deph', .* nothing for 'dept"):
        FolderDataset(
            stack, str(tmp_path), formats={'deph': {'scale': 2}}, **settings
        )
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        FolderDataset(stack, str(tmp_path), formats={'rgb': {}}, **settings)


def test_without_labels_any_modality_makes_a_sample(root):
    (root / 'images/berlin/02_rgb.png').unlink()
    (root / 'ir/berlin/01.png').unlink()
    dataset = open_folder(str(root), labelled=False, pipeline=steps('missing'))
    present = [
        tuple(dataset[i]['data_samples'].present.tolist()) for i in range(3)
    ]
    assert present == [(True, False), (False, True), (True, True)]
    assert {v[-1] for v in values(dataset)} == {255}


def test_images_without_label_are_left_out_aloud(root):
    (root / 'images/berlin/02_label.png').unlink()
    with pytest.warns(UserWarning, match="1 names .*'berlin/02', have no lab"):
        dataset = open_folder(str(root))
    assert [v[0] for v in values(dataset)] == [10, 12]


def test_an_absent_file(root):
    (root / 'ir/berlin/02.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'ir/berlin/02\.png'):
        open_folder(str(root))[1]
    dataset = open_folder(str(root), pipeline=steps('missing'))
    assert dataset[1]['data_samples'].present.tolist() == [True, False]


@pytest.mark.parametrize('kind', ['csv', 'json'])
def test_a_manifest(root, table, kind):
    {'csv': write_csv, 'json': write_json}[kind](root / f'all.{kind}', table)
    dataset = open_manifest(manifest=str(root / f'all.{kind}'))
    assert values(dataset) == [
        (10, 20, 30, 27, 0),
        (11, 20, 30, 0, 1),
        (12, 20, 30, 29, 0),
    ]
    present = [
        tuple(dataset[i]['data_samples'].present.tolist()) for i in range(3)
    ]
    assert present == [(True, True), (True, False), (True, True)]


def test_splits_of_a_manifest(root, table):
    write_csv(root / 'all.csv', table)
    sizes = {
        split: len(open_manifest(manifest=str(root / 'all.csv'), split=split))
        for split in ('train', 'test')
    }
    assert sizes == {'train': 2, 'test': 1}
    dataset = open_manifest(manifest=str(root / 'all.csv'), split='test')
    assert dataset.metainfo['split'] == 'test'


def test_paths_from_data_root_and_absolute_ones(root, table):
    table[0]['rgb'] = str(root / table[0]['rgb'])
    (root / 'lists').mkdir()
    write_json(root / 'lists/all.json', table)
    with pytest.raises(FileNotFoundError, match=r"'ir'.*lists/ir/"):
        open_manifest(manifest=str(root / 'lists/all.json'))
    dataset = open_manifest(str(root), manifest='lists/all.json')
    assert [v[0] for v in values(dataset)] == [10, 11, 12]


def test_an_empty_cell_must_be_allowed(root, table):
    write_csv(root / 'all.csv', table)
    dataset = open_manifest(manifest=str(root / 'all.csv'), pipeline=steps())
    with pytest.raises(FileNotFoundError, match=r"no 'ir', only.*02_rgb\.png"):
        dataset[1]


def test_a_sample_is_named_by_what_it_has(root, table):
    table[0]['rgb'] = ''
    write_csv(root / 'all.csv', table)
    dataset = open_manifest(manifest=str(root / 'all.csv'))
    assert dataset[0]['data_samples'].img_path.endswith('ir/berlin/01.png')


def test_a_row_without_label(root, table):
    table[2]['label'] = ''
    write_csv(root / 'all.csv', table)
    dataset = open_manifest(manifest=str(root / 'all.csv'))
    assert [v[-1] for v in values(dataset)] == [0, 1, 255]
    flags = [dataset[i]['data_samples'].labelled for i in range(3)]
    assert flags == [True, True, False]


def changed(**kinds):
    return {k: {**FORMATS[k], **kinds.get(k, {})} for k in FORMATS}


def test_the_callers_dicts_stay_as_they_are(root):
    given = {'formats': changed(), 'metainfo': dict(META)}
    before = deepcopy(given)
    open_folder(str(root), **given)
    assert given == before


FOLDER_MISTAKES = {
    'root': ({'data_root': 'nowhere'}, r"'nowhere' has no folder 'images'"),
    'folder': (
        {'formats': changed(ir={'folder': 'thermal'})},
        r"no folder 'thermal' for 'ir'.*formats=dict\(ir=dict\(folder",
    ),
    'suffix': (
        {'formats': changed(ir={'suffix': '_ir.png'})},
        r"none of 3 names .*'ir'.*01_ir\.png.*holds 'berlin/01\.png'",
    ),
    'label suffix': (
        {'formats': changed(label={'suffix': '.gif'})},
        r"ends in '\.gif', but 'berlin/01_label\.png'.*label=dict\(suffix",
    ),
    'label step': (
        {'metainfo': {'classes': ('road', 'person', 'sky')}},
        'num_classes=2, but the labels of FolderDataset have 3 classes',
    ),
    'names': ({'names': ['paris/01']}, 'none of 1 names'),
    'list': ({'names': 'val.txt'}, r'no list of names .*val\.txt'),
    'empty list': ({'names': 'empty.txt'}, r'empty\.txt.* is empty'),
    'key': (
        {'formats': changed(ir={'ending': '.png'})},
        r"'ir' takes .*'ending'",
    ),
    'two folders': (
        {'formats': changed(ir={'folder': ['ir', 'images']})},
        "'ir' of FolderDataset lies in one folder",
    ),
    'label key': (
        {'formats': changed(label={'dtype': 'uint16'})},
        r"\['folder', 'suffix', 'classes'\], got also \['dtype'\]",
    ),
    'classes': ({'metainfo': None}, r'metainfo=dict\(classes'),
    'palette': (
        {'metainfo': {**META, 'palette': [[1, 2, 3]]}},
        '2 classes but 1 colours',
    ),
    'nothing': ({'data_root': None}, r'needs `data_root`.*`manifest`'),
    'split': ({'split': 'train'}, r"split='train' and no manifest"),
    'both': ({'names': ['1'], 'manifest': 'a.csv'}, 'got both'),
}


@pytest.mark.parametrize('mistake', FOLDER_MISTAKES)
def test_mistakes_with_folders(root, mistake):
    (root / 'empty.txt').write_text('\n')
    options, message = FOLDER_MISTAKES[mistake]
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        open_folder(**{'data_root': str(root), **options})


def without(key):
    return lambda table: [row.pop(key) for row in table]


def test_a_list_of_names_from_a_spreadsheet(root):
    (root / 'all.txt').write_text('\n'.join(NAMES), 'utf-8-sig')
    dataset = open_folder(data_root=str(root), names='all.txt')
    assert [red for red, *_ in values(dataset)] == [10, 11, 12]
    (root / 'all.txt').write_text('küche/1', 'latin-1')
    with pytest.raises(ValueError, match=r"all\.txt' is not encoded in UTF-8"):
        open_folder(data_root=str(root), names='all.txt')


@pytest.mark.parametrize('names', [None, NAMES])
def test_a_suffix_in_other_letters(root, names):
    (root / 'images/berlin/01_rgb.png').rename(
        root / 'images/berlin/01_RGB.PNG'
    )
    (root / 'images/berlin/02_label.png').rename(
        root / 'images/berlin/02_label.PNG'
    )
    dataset = open_folder(str(root), names=names)
    assert [red for red, *_ in values(dataset)] == [10, 11, 12]


def test_two_files_that_differ_in_letters(root):
    write(root / 'ir/berlin/01.PNG', np.full(SIZE, 700, np.uint16))
    with pytest.warns(LeftOutWarning, match='1 names with several files'):
        dataset = open_folder(str(root))
    assert values(dataset)[0] == (10, 20, 30, 27, 0)  # the very suffix


@pytest.mark.parametrize('spelling', ['Train', ' train ', 'training'])
def test_another_spelling_of_a_split(root, table, spelling):
    table[0]['split'] = spelling
    write_csv(root / 'all.csv', table)
    with pytest.warns(LeftOutWarning, match=f"1 samples .*'{spelling}'"):
        dataset = open_manifest(manifest=str(root / 'all.csv'), split='train')
    assert [red for red, *_ in values(dataset)] == [11]


def test_a_dead_sensor_needs_no_files(root, table):
    """In folders and in a manifest without its column."""
    for file in (root / 'ir').rglob('*.png'):
        file.unlink()
    with pytest.raises(ValueError, match=r'`formats=dict\(ir=None\)`'):
        open_folder(data_root=str(root), pipeline=steps('missing'))
    formats = {**FORMATS, 'ir': None}
    without('ir')(table)
    write_json(root / 'all.json', table)
    sources = (
        (open_folder, {'data_root': str(root)}),
        (open_manifest, {'manifest': str(root / 'all.json')}),
    )
    for opened, source in sources:
        dataset = opened(**source, formats=formats, pipeline=steps('missing'))
        assert dataset[1]['data_samples'].present.tolist() == [True, False]
        assert values(dataset)[1] == (11, 20, 30, 0, 1)
        dataset = opened(**source, formats=formats, pipeline=steps())
        with pytest.raises(FileNotFoundError, match="`absent_file='missing'`"):
            dataset[1]


MANIFEST_MISTAKES = {
    'column': (without('ir'), {}, r"got \['rgb', 'label', .*add 'ir'"),
    'label column': (without('label'), {}, r"add 'label', .*`labelled`"),
    'split column': (without('split'), {'split': 'val'}, "add 'split'"),
    'unknown split': (
        lambda table: None,
        {'split': 'val'},
        r"\['test', 'train'\], not of 'val'",
    ),
    'no row': (lambda table: table.clear(), {}, 'with 0 samples'),
    'nothing in a row': (
        lambda table: table[1].update(rgb=' '),
        {},
        r"sample 2 of .*all\.json' has none of \['rgb', 'ir'\]",
    ),
    'paths': (
        lambda table: [row.update(ir='gone.png') for row in table],
        {},
        r"none of 3 files in column 'ir'.*gone\.png",
    ),
}


@pytest.mark.parametrize('mistake', MANIFEST_MISTAKES)
def test_mistakes_with_manifests(root, table, mistake):
    change, options, message = MANIFEST_MISTAKES[mistake]
    change(table)
    write_json(root / 'all.json', table)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        open_manifest(manifest=str(root / 'all.json'), **options)


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('a.json', '{"rgb": "1.png"}', 'list of objects'),
        ('a.json', '[{]', 'is no JSON'),
        ('a.csv', 'rgb,ir,label\n1,2,3,4\n', 'more cells than columns'),
        ('a.csv', 'rgb,ir,label\n1,2\n', 'fewer cells than columns'),
        ('a.csv', 'rgb,ir,label\n"1,2,3\n1,2,3\n', 'see line 1: unexpected'),
        ('a.csv', 'rgb,rgb,ir,label\n1,2,3,4\n', "two columns 'rgb'"),
        ('a.json', '[{"rgb": 1, "ir": 2, "label": 3}]', 'a path or empty'),
        ('a.json', '[' * 100_000, 'is no JSON'),
        ('a.csv', 'rgb;ir;label\n1;2;3\n', r"got \['rgb;ir;label'\]"),
    ],
)
def test_what_is_no_manifest(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        open_manifest(str(tmp_path), manifest=name)


def test_a_manifest_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no manifest '.*all\.csv'"):
        open_manifest(str(tmp_path), manifest='all.csv')
