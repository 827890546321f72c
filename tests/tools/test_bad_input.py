"""A user's mistake ends a tool with one line and exit code 2."""

import json

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open

from mmseg_missing.adapters.file_format import encode

H, W = 32, 48


@pytest.fixture(scope='module')
def files(folder, trained):
    """Checkpoints and adapter files that do not belong together."""
    checkpoint = torch.load(trained.base, weights_only=False)
    key, *_ = state = checkpoint['state_dict']
    torch.save({**state, key: state[key] + 1}, folder / 'other_base.pth')
    lacking = {k: v for k, v in state.items() if k != key}
    torch.save(lacking, folder / 'lacking.pth')
    torch.save({'state_dict': [1]}, folder / 'list.pth')
    (folder / 'cut.pth').write_bytes(trained.base.read_bytes()[:1000])
    adapter = trained.adapter.read_bytes()
    (folder / 'cut.safetensors').write_bytes(adapter[:-10])
    (folder / 'noise.safetensors').write_bytes(b'noise')
    (folder / 'taken').touch()
    with safe_open(trained.adapter, 'pt') as file:
        rows = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        texts = file.metadata()
    facts = {name: json.loads(text) for name, text in texts.items()}
    for name, changes in {
        'stack': {'stack': facts['stack'][::-1]},
        'sites': {'sites': facts['sites'][1:]},
        'version': {'format_version': 99},
        'method': {'method': 'Nope'},
    }.items():
        new = {**texts, **{k: json.dumps(v) for k, v in changes.items()}}
        content = encode(rows, {k: json.loads(v) for k, v in new.items()})
        (folder / f'{name}.safetensors').write_bytes(content)


# What comes after `test.py CONFIG`, and a part of the sentence.
SCORING = {
    'unknown modality': (['base', '--present', 'rgb+lidar'], "'lidar'"),
    'modality twice': (['base', '--present', 'rgb+rgb'], 'rgb+rgb'),
    'empty combination': (['base', '--present', ''], 'at least one'),
    'unknown fill': (['base', '--fill', 'purple'], "fill 'purple'"),
    'fill from nowhere': (['base', '--fill', 'copy:lidar'], "'lidar'"),
    'output folder': (['base', '--out', 'taken/x'], 'cannot be written'),
    'work folder': (['base', '--work-dir', 'taken/x'], 'cannot be written'),
    'no such checkpoint': (['nowhere.pth'], "no checkpoint 'nowhere.pth'"),
    'damaged checkpoint': (['cut.pth'], "'cut.pth' is damaged"),
    'checkpoint of a list': (['list.pth'], "'list.pth'"),
    'keys are missing': (['lacking.pth'], '1 keys are missing'),
    'adapter as checkpoint': (['adapter'], 'as `--adapter`'),
    'joined for the base': (['joined'], 'the config has none'),
    'no such adapter': (['base', '--adapter', 'nowhere'], 'no adapter file'),
    'another base': (['other_base.pth', '--adapter', 'adapter'], 'base: its'),
    'another stack': (
        ['base', '--adapter', 'stack.safetensors'],
        'is damaged',
    ),
    'other sites': (['base', '--adapter', 'sites.safetensors'], 'is damaged'),
    'format version': (['base', '--adapter', 'version.safetensors'], '99'),
    'other method': (['base', '--adapter', 'method.safetensors'], "'Nope'"),
    'cut adapter': (['base', '--adapter', 'cut.safetensors'], 'is damaged'),
    'no adapter': (['base', '--adapter', 'noise.safetensors'], 'is damaged'),
    'checkpoint as adapter': (['base', '--adapter', 'base'], 'is damaged'),
    'no augmentation': (
        ['base', '--tta', '--cfg-options', 'tta_model=None'],
        '`tta_model`',
    ),
    'option without value': (
        ['base', '--cfg-options', 'model.fill'],
        "'model.fill'",
    ),
}


@pytest.mark.parametrize('case', SCORING)
def test_scoring(refused, trained, files, case):
    arguments, word = SCORING[case]
    arguments = [getattr(trained, a, a) for a in arguments]
    # Files for other sites are only other where a config says the sites.
    config = 'adapted_config' if case == 'other sites' else 'config'
    assert word in refused('test.py', getattr(trained, config), *arguments)


# Options of `train.py tiny-ssf.py`, and a part of the sentence.
TRAINING = {
    'no match': ('model.adapter.sites=[nope]', "'nope' matched no"),
    'unknown adapter': ('model.adapter.type=Nope', "method 'Nope'"),
    'adapter key': ('model.adapter.rank=3', "['rank'] in `model.adapter`"),
    'unknown sampler': ('model.sampler=all', "sampler 'all'"),
    'backbone argument': (
        'model.backbone.dephts=1',
        "argument 'dephts'; check",
    ),
    'backbone type': ('model.backbone.type=Nope', '`Nope`'),
    'model argument': ('model.adaptr=1', "argument 'adaptr'"),
    'sensor': ('train_dataloader.dataset.modalities=[lidar]', "['lidar']"),
    'no such base': ('custom_hooks.1.base=nowhere', "checkpoint 'nowhere'"),
    'other base': ('custom_hooks.1.base=lacking.pth', 'keys are missing'),
    'work folder': ('work_dir=taken/x', 'cannot be written'),
}


@pytest.mark.parametrize('case', TRAINING)
def test_training(refused, trained, files, case):
    option, word = TRAINING[case]
    config = trained.adapted_config
    assert word in refused('train.py', config, '--cfg-options', option)


def test_head_for_other_classes(refused, trained):
    options = ('--cfg-options', 'model.decode_head.num_classes=10')
    line = refused('train.py', trained.config, *options)
    assert '10 classes' in line and 'has 11' in line


@pytest.mark.parametrize(
    ('text', 'word'),
    [
        (None, 'no config file'),
        ('max_epochs = 1', 'has no `model`'),
        ("_base_ = 'nowhere.py'", 'nowhere.py'),
        ('model = dict(', 'config.py'),
        ('model = modle', 'modle'),
    ],
)
def test_wrong_config(refused, tmp_path, text, word):
    path = tmp_path / 'config.py'
    if text:
        path.write_text(text)
    assert word in refused('train.py', path)


FILES = {
    'analyze_modalities.py': ('config', 'base', '--out', 'x'),
    'benchmark.py': ('config',),
    'benchmark_loading.py': ('config',),
    'browse_dataset.py': ('config',),
    'check_dataset.py': ('config', '--split', 'test', '--workers', 0),
    'export_adapter.py': ('config', 'joined', 'x.safetensors'),
    'fit_adapter.py': ('config', 'base', 'x.safetensors'),
    'fold_adapter.py': ('config', 'joined', 'x.pth', '--combination', 'rgb'),
    'test.py': ('config', 'base'),
    'train.py': ('config',),
}
# A tool, and a key that it needs.
NEEDED = [
    ('analyze_modalities.py', 'model.stack'),
    ('analyze_modalities.py', 'train_dataloader'),
    ('analyze_modalities.py', 'test_dataloader.dataset.pipeline'),
    ('benchmark.py', 'model.stack'),
    ('benchmark_loading.py', 'train_dataloader'),
    ('browse_dataset.py', 'modalities'),
    ('browse_dataset.py', 'train_dataloader.dataset'),
    ('check_dataset.py', 'test_dataloader.dataset'),
    ('export_adapter.py', 'model.stack'),
    ('fit_adapter.py', 'model.stack'),
    ('fit_adapter.py', 'train_dataloader.batch_size'),
    ('fold_adapter.py', 'model.stack'),
    ('test.py', 'model.backbone'),
    ('test.py', 'test_evaluator'),
    ('train.py', 'train_dataloader'),
    ('train.py', 'optim_wrapper'),
]


@pytest.mark.parametrize(('tool', 'key'), NEEDED)
def test_key_that_a_tool_needs(refused, trained, configs, tmp_path, tool, key):
    path = tmp_path / 'config.py'
    first, *others = key.split('.')
    value = None
    for part in reversed(others):
        value = {part: value}
    path.write_text(f'_base_ = [{str(configs / "tiny.py")!r}]\n')
    with path.open('a') as file:
        file.write(f'{first} = {value!r}\n')
    arguments = [getattr(trained, str(a), a) for a in FILES[tool]]
    arguments[0] = path
    assert f"config.py' has no `{key}`" in refused(tool, *arguments)


@pytest.mark.parametrize(
    'tool', ['analyze_modalities.py', 'benchmark.py', 'fit_adapter.py']
)
def test_no_such_device(refused, trained, tool):
    arguments = [getattr(trained, a, a) for a in FILES[tool]]
    line = refused(tool, *arguments, '--device', 'cuda:97')
    assert "no device 'cuda:97' here" in line


@pytest.fixture
def frames(tmp_path):
    """Four frames in the common folder, depth in metres."""
    for name in ('RGB', 'Depth', 'Label'):
        (tmp_path / name).mkdir()
    for index in range(4):
        values = np.arange(H * W).reshape(H, W) + index
        rgb = (values % 251).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f'RGB/{index}.jpg'), np.dstack([rgb] * 3))
        depth = (values % 7).astype(np.float32)
        np.save(tmp_path / f'Depth/{index}.npy', depth)
        label = (values % 41).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f'Label/{index}.png'), label)
    for split in ('train', 'test'):
        (tmp_path / f'{split}.txt').write_text('0\n1\n2\n3\n')
    return tmp_path


def cut(path):
    path.write_bytes(path.read_bytes()[:-700])


def change_depth(path, change):
    np.save(path, change(np.load(path)))


def put_hole(depth):
    depth[3, 5] = np.nan
    return depth


def put_class(path, value):
    label = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    label[3, 5] = value
    cv2.imwrite(str(path), label)


DEPTH, RGB, LABEL = 'Depth/2.npy', 'RGB/1.jpg', 'Label/3.png'
# What is done to which file, and a part of the sentence.
BROKEN = {
    'missing': (DEPTH, lambda p: p.unlink(), 'does not exist'),
    'cut depth': (DEPTH, cut, 'truncated'),
    'cut rgb': (RGB, cut, 'truncated'),
    'size': (DEPTH, lambda p: change_depth(p, np.transpose), '48 x 32'),
    'bits': (DEPTH, lambda p: change_depth(p, np.uint16), 'holds uint16'),
    'hole': (DEPTH, lambda p: change_depth(p, put_hole), 'NaN'),
    'class': (LABEL, lambda p: put_class(p, 41), 'value 41'),
}


@pytest.mark.parametrize(
    ('case', 'num_workers'), [*((case, 0) for case in BROKEN), ('missing', 1)]
)
def test_broken_file(refused, configs, frames, case, num_workers):
    name, damage, word = BROKEN[case]
    damage(frames / name)
    line = refused(
        'train.py',
        configs / 'tiny-files.py',
        '--cfg-options',
        f'train_dataloader.dataset.data_root={frames}',
        f'train_dataloader.num_workers={num_workers}',
    )
    assert word in line
    # The sentence begins at once, even where a worker wraps the error.
    assert line.split("'")[:2][0] in ('error: file ', 'error: label ')
    assert str(frames / name) in line
