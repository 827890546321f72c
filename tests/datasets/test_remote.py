"""Data sets whose files lie behind a file backend of MMEngine."""

import pickle
from urllib.error import URLError

import numpy as np
import pytest
from mmengine.fileio import BaseStorageBackend, LocalBackend, register_backend

from mmseg_missing.datasets import DELIVERDataset, FolderDataset, NYUv2Dataset
from mmseg_missing.datasets.checks import SampleChecks
from mmseg_missing.datasets.pst900 import PST900Dataset
from mmseg_missing.datasets.transforms import read_array
from mmseg_missing.remote import Remote, located

STACK = [
    {'name': 'rgb', 'mean': [0.0] * 3, 'std': [1.0] * 3},
    {'name': 'depth', 'channels': 1, 'mean': [0.0], 'std': [1.0]},
]
FORMATS = {
    'rgb': {'suffix': '.npy'},
    'depth': {'suffix': '.npy', 'dtype': 'float32'},
    'label': {'suffix': '.npy'},
}
PIPELINE = [
    {'type': 'LoadModalities'},
    {'type': 'LoadLabel', 'num_classes': 2},
]
CLASSES = {'classes': ('no', 'yes')}


class Memory(BaseStorageBackend):
    """A dict of files, which counts how often each is fetched."""

    files: dict = {}
    fetched: list = []

    def __init__(self, bucket='mem:/'):
        self.bucket = bucket

    def _key(self, path):
        path = str(path).replace('here', self.bucket)
        assert path.startswith('mem://'), path
        return path

    def get(self, path):
        self.fetched.append(self._key(path))
        return memoryview(self.files[self._key(path)])

    def get_text(self, path, encoding='utf-8'):
        raise NotImplementedError


class Listed(Memory):
    """One that can also say what there is."""

    def get(self, path):
        if self._key(path) not in self.files:
            raise FileNotFoundError(path)
        return super().get(path)

    def isfile(self, path):
        return self._key(path) in self.files

    def isdir(self, path):
        return bool(list(self.list_dir_or_file(path)))

    def list_dir_or_file(self, path, list_dir=True, recursive=False):
        start = self._key(path).rstrip('/') + '/'
        return (f[len(start) :] for f in self.files if f.startswith(start))


@pytest.fixture(autouse=True)
def bucket(tmp_path, monkeypatch):
    """Return ``put(path, array or bytes)`` for a bucket that is empty."""
    register_backend('mem', Listed, force=True, prefixes='mem')
    register_backend('blind', Memory, force=True)
    monkeypatch.setattr(Memory, 'files', {})
    monkeypatch.setattr(Memory, 'fetched', [])

    def put(path, content):
        if isinstance(content, np.ndarray):
            np.save(tmp_path / 'one.npy', content)
            content = (tmp_path / 'one.npy').read_bytes()
        Memory.files[f'mem://{path}'] = content

    for name in 'ab':
        put(f'set/rgb/{name}.npy', np.full((3, 5, 3), 7, np.uint8))
        put(f'set/depth/{name}.npy', np.full((3, 5), 1.5, np.float32))
        put(f'set/label/{name}.npy', np.ones((3, 5), np.uint8))
    return put


def folder(data_root='mem://set', pipeline=PIPELINE, **kwargs):
    return FolderDataset(
        STACK,
        data_root,
        formats=FORMATS,
        metainfo=CLASSES,
        pipeline=pipeline,
        **kwargs,
    )


def test_a_folder_is_listed_and_read():
    dataset = pickle.loads(pickle.dumps(folder()))
    assert len(dataset) == 2
    Memory.fetched.clear()
    sample = dataset[1]
    assert (sample['modalities']['depth'] == 1.5).all()
    assert (sample['gt_seg_map'] == 1).all()
    # Once each, though values and declared "no data" are both asked for.
    assert Memory.fetched == [
        f'mem://set/{kind}/b.npy' for kind in ('rgb', 'depth', 'label')
    ]


@pytest.mark.parametrize('backend', ['mem', 'blind'])
def test_backend_args_need_no_prefix(bucket, backend):
    bucket('set/names.txt', b'b\r\n')
    args = {'backend': backend, 'bucket': 'mem://set'}
    dataset = folder('here', names='names.txt', backend_args=args)
    assert len(dataset) == 1
    assert (dataset[0]['gt_seg_map'] == 1).all()
    with pytest.raises(ValueError, match=r'cannot say what .* give `names`'):
        folder(
            'here', backend_args={'backend': 'blind', 'bucket': 'mem://set'}
        )


def test_a_manifest_and_a_sample_that_lacks_a_file(bucket):
    bucket(
        'lists/all.csv',
        b'rgb,depth,label\n'
        b'mem://set/rgb/a.npy,,mem://set/label/a.npy\n'
        b'here.npy,mem://set/depth/b.npy,mem://set/label/b.npy\n',
    )
    loads = [{**PIPELINE[0], 'absent_file': 'missing'}, PIPELINE[1]]
    dataset = FolderDataset(
        STACK,
        manifest='mem://lists/all.csv',
        formats=FORMATS,
        metainfo=CLASSES,
        pipeline=loads,
    )
    sample = dataset[0]
    assert (sample['modalities']['rgb'] == 7).all()
    assert not sample['modalities']['depth'].any()
    assert dataset[1]['modalities']['depth'].all()
    assert not dataset[1]['modalities']['rgb'].any()


def test_a_file_that_went_is_absent_or_named(bucket):
    dataset = folder()
    lenient = folder(
        pipeline=[{**PIPELINE[0], 'absent_file': 'missing'}, PIPELINE[1]]
    )
    del Memory.files['mem://set/depth/a.npy']
    assert not lenient[0]['modalities']['depth'].any()
    with pytest.raises(
        FileNotFoundError, match=r'mem://set/depth/a\.npy.*data'
    ):
        dataset[0]


def test_faults_of_files_and_backends_are_told(bucket, monkeypatch):
    dataset = folder()
    cut = Memory.files['mem://set/rgb/a.npy'][:-9]
    bucket('set/rgb/a.npy', cut)
    with pytest.raises(
        ValueError, match=r"'mem://set/rgb/a\.npy' is truncated"
    ):
        dataset[0]

    def down(self, path):
        raise URLError('no route')

    monkeypatch.setattr(Listed, 'get', down)
    words = r"'mem://set/rgb/b.npy' cannot be read \(.*no route.*backend_args"
    with pytest.raises(ValueError, match=words):
        dataset[1]


@pytest.mark.parametrize(
    ('path', 'args', 'error', 'words'),
    [
        ('nowhere://x', None, ValueError, "takes 'nowhere://x'.*mem"),
        ('x', {'backend': 'none'}, ValueError, "'none'.*custom_imports"),
        ('x', {'backend': 'mem', 'buket': 'b'}, ValueError, 'buket'),
        ('x', 'petrel', TypeError, "takes a dict .*got 'petrel'"),
    ],
)
def test_no_such_backend(path, args, error, words):
    with pytest.raises(error, match=words):
        located(path, args)


def test_local_paths_stay_paths(tmp_path):
    for args in (None, {}, {'backend': 'local'}):
        assert located(str(tmp_path), args) == tmp_path
    assert str(located('mem://a') / 'b' / 'c.png') == 'mem://a/b/c.png'


def test_what_is_kept_is_not_fetched_again(tmp_path):
    loads = [{**s, 'cache_dir': str(tmp_path / 'kept')} for s in PIPELINE]
    dataset = folder(pipeline=loads)
    first = dataset[0]
    Memory.fetched.clear()
    second = dataset[0]
    assert Memory.fetched == []
    for name, array in first['modalities'].items():
        np.testing.assert_array_equal(second['modalities'][name], array)


def test_an_array_is_read_by_its_address():
    assert (read_array('mem://set/rgb/a.npy') == 7).all()
    assert Remote('mem://set/rgb/a.npy') == Remote('mem://set/rgb/a.npy')


def test_check_reads_there_too():
    checks = list(SampleChecks(folder()))
    assert [check.problems for check in checks] == [[], []]
    assert checks[0].paths['rgb'] == 'mem://set/rgb/a.npy'


def test_published_layouts(bucket):
    grey, rgb = np.ones((3, 5), np.uint8), np.ones((3, 5, 3), np.uint8)
    bucket('nyu/test.txt', b'7\n')
    bucket('nyu/RGB/7.jpg', rgb)
    bucket('nyu/Depth/7.png', grey.astype(np.uint16))
    bucket('nyu/Label/7.png', grey)
    nyu = NYUv2Dataset(
        'mem://nyu',
        'test',
        modalities=STACK,
        pipeline=[PIPELINE[0], {**PIPELINE[1], 'num_classes': 40}],
    )
    assert (nyu[0]['modalities']['depth'] == np.float32(0.001)).all()
    bucket('pst/test/rgb/1.png', rgb)
    bucket('pst/test/labels/1.png', grey)
    pst = PST900Dataset('mem://pst', 'test', modalities=['rgb'])
    assert pst[0]['modality_paths'] == {'rgb': 'mem://pst/test/rgb/1.png'}
    name = 'sun/test/MAP_1_point1/045050'
    bucket(f'deliver/img/{name}_rgb_front.png', rgb)
    bucket(f'deliver/semantic/{name}_semantic_front.png', grey)
    deliver = DELIVERDataset('mem://deliver', 'test', modalities=['rgb'])
    assert deliver.names == [name]


def test_same_backend_as_mmengine_for_local_files(tmp_path):
    """``file://``-like prefixes of a user's own reach the disk."""
    np.save(tmp_path / 'a.npy', np.ones((3, 5), np.uint8))

    class Disk(LocalBackend):
        def get(self, path):
            return super().get(path.removeprefix('slow://'))

    register_backend('slow', Disk, force=True, prefixes='slow')
    assert read_array(f'slow://{tmp_path}/a.npy').sum() == 15
