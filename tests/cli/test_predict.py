"""Frames in files, masks in files."""

import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from mmseg.registry import DATASETS

from mmseg_missing.apis import Inferencer, read_array
from mmseg_missing.apis.frames import FrameReader
from mmseg_missing.cli.main import main
from mmseg_missing.cli.predict import without_unknown

H, W = 32, 48


@pytest.fixture
def scene(load):
    """Arrays of a scene by modality."""
    given = {**load().test_dataloader.dataset, 'pipeline': []}
    dataset = DATASETS.build(given)
    return dataset.get_data_info(0)['modalities']


@pytest.fixture
def place(tmp_path, monkeypatch, scene):
    """A folder with a file and a folder for each modality."""
    monkeypatch.chdir(tmp_path)
    for name, array in scene.items():
        (tmp_path / name).mkdir()
        is_rgb = name == 'rgb'
        for path in (name, f'{name}/a', f'{name}/b'):
            if is_rgb:
                cv2.imwrite(f'{path}.png', array[..., ::-1])
            else:
                np.save(f'{path}.npy', array)
    (tmp_path / 'depth' / 'b.npy').unlink()
    (tmp_path / 'rgb' / '.hidden').touch()
    return tmp_path


@pytest.fixture
def predict(place, files, configs):
    """Return a function that runs the verb with the adapted network."""

    def predict(*arguments, adapter=True):
        given = ['--adapter', files.adapter] if adapter else []
        argv = ['predict', configs / 'tiny.py', files.base, *given]
        main([str(word) for word in (*argv, *arguments)])

    return predict


@pytest.fixture
def segment(load, files):
    return Inferencer(load(), files.base, files.adapter)


def test_one_frame(predict, segment, scene, capsys):
    predict('--rgb', 'rgb.png', '--thermal', 'thermal.npy', '--out', 'm.png')
    mask = read_array('m.png')[..., 0]
    expected = segment({'rgb': scene['rgb'], 'thermal': scene['thermal']})
    np.testing.assert_array_equal(mask, expected)
    assert (mask != segment({'rgb': scene['rgb']})).any()
    picture = read_array('m_overlay.png')
    assert picture.shape == (H, W, 3)
    out = capsys.readouterr().out
    assert '1 frame (1 of rgb+thermal): m.png, m_overlay.png' in out
    assert '100%' in out and ' 0%' not in out  # the bar comes to its end
    assert ' rgb+thermal.pth ' in out.splitlines()[-1]
    assert '--combination rgb+thermal' in out.splitlines()[-1]


def test_folders(predict, segment, scene, capsys):
    folders = ('--rgb', 'rgb', '--depth', 'depth')
    predict(*folders, '--out', 'masks')
    frame = {'rgb': scene['rgb'], 'depth': scene['depth']}
    for name in ('a', 'b'):
        mask = read_array(f'masks/{name}.png')[..., 0]
        np.testing.assert_array_equal(mask, segment(frame))
        frame = {'rgb': scene['rgb']}  # b has nothing else
    out = capsys.readouterr().out
    assert ' test ' in out.splitlines()[-1]
    assert '2 frames (1 of rgb+depth, 1 of rgb)' in out
    assert 'masks/a.png, masks/a_overlay.png and so on' in out


def test_options_before_the_config(files, configs, place, capsys):
    argv = ['predict', '--rgb=rgb.png', '--depth', 'depth.npy']
    argv += [str(configs / 'tiny.py'), str(files.base), '--out', 'o']
    main(argv)
    assert (place / 'o/rgb.png').is_file()
    assert 'mmseg_missing test' in capsys.readouterr().out.replace('-m', '_m')


MISTAKES = {
    'two kinds': (['--rgb', 'rgb', '--manifest', 'm.csv'], 'not both'),
    'drop': (['--rgb', 'rgb', '--drop', 'nir'], 'a modality of rgb'),
    'no torchrun': (
        ['--rgb', 'rgb', '--launcher', 'pytorch'],
        'needs torchrun',
    ),
    'nothing': ([], 'needs one of --rgb, --depth, --thermal'),
    'no file': (['--rgb', 'nowhere'], "no file or folder 'nowhere'"),
    'mixed': (['--rgb', 'rgb.png', '--depth', 'depth'], 'not both'),
    'one for many': (['--rgb', 'rgb', '--out', 'x.png'], 'for 2 frames'),
    'onto inputs': (['--rgb', 'rgb', '--out', 'rgb'], 'replace the input'),
    'onto itself': (['--rgb', 'rgb.png', '--out', 'rgb.png'], 'the input'),
    'empty': (['--rgb', 'empty'], "no files in 'empty'"),
    'no name in common': (['--rgb', 'rgb', '--depth', 'c'], 'in common'),
    'channels': (['--rgb', 'depth.npy'], "'rgb' has shape (32, 48, 1)"),
    'sizes': (['--rgb', 'rgb.png', '--depth', 'c/c.npy'], 'differ in size'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_mistakes(predict, place, capsys, case):
    (place / 'empty').mkdir()
    (place / 'c').mkdir()
    np.save(place / 'c' / 'c.npy', np.ones((5, 7), np.float32))
    arguments, words = MISTAKES[case]
    with pytest.raises(SystemExit) as end:
        predict('--out', 'o', *arguments)
    assert end.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_broken_file_is_left_out(predict, place, segment, scene, capsys):
    """The others are done; what is done is skipped when asked."""
    (place / 'depth' / 'b.npy').write_bytes(b'')
    folders = ('--rgb', 'rgb', '--depth', 'depth', '--batch-size', '2')
    with pytest.raises(SystemExit) as end:
        predict(*folders, '--out', 'o', '--panel')
    assert end.value.code == 1
    told = capsys.readouterr()
    assert "left out b: file 'depth/b.npy'" in told.err
    written = 'o/a.png, o/a_overlay.png, o/a_panel.png\n'
    assert f'1 frame (1 of rgb+depth): {written}' in told.out
    names = ('a.png', 'a_overlay.png', 'a_panel.png')
    assert sorted(p.name for p in (place / 'o').iterdir()) == sorted(names)
    np.save(place / 'depth' / 'b.npy', scene['depth'])
    before = (place / 'o/a.png').stat().st_mtime_ns
    predict(*folders, '--out', 'o', '--panel', '--resume')
    assert '1 of 2 frames were there already' in capsys.readouterr().out
    assert (place / 'o/a.png').stat().st_mtime_ns == before
    (place / 'o/a.png').write_bytes(b'cut off')
    predict(*folders, '--out', 'o', '--panel', '--resume')
    expected = segment({'rgb': scene['rgb'], 'depth': scene['depth']})
    for name in 'ab':
        mask = read_array(f'o/{name}.png')[..., 0]
        np.testing.assert_array_equal(mask, expected)


def test_a_rehearsal_with_a_manifest(predict, place, segment, scene, capsys):
    rows = 'rgb,depth\nrgb/a.png,depth/a.npy\nrgb/b.png,depth.npy\n'
    (place / 'frames.csv').write_text(rows)
    predict('--manifest', 'frames.csv', '--drop', 'depth@1', '--out', 'o')
    assert '(1 of rgb+depth, 1 of rgb)' in capsys.readouterr().out
    mask = read_array('o/b.png')[..., 0]
    np.testing.assert_array_equal(mask, segment({'rgb': scene['rgb']}))


@pytest.mark.slow
def test_processes_share_an_archive(place, files, configs, segment, scene):
    """Each frame once; one is broken, which nobody waits for in vain."""
    for name in 'cde':
        shutil.copy('rgb/a.png', f'rgb/{name}.png')
    (place / 'rgb/c.png').write_bytes(b'broken')
    run = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    run += ['--nproc_per_node=2', '-m', 'mmseg_missing', 'predict']
    run += [str(configs / 'tiny.py'), str(files.base), '--rgb', 'rgb']
    run += ['--adapter', str(files.adapter), '--out', 'o']
    run += ['--launcher', 'pytorch']
    hidden = {'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1'}
    ended = subprocess.run(
        run, env={**os.environ, **hidden}, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "left out c: file 'rgb/c.png'" in ended.stderr
    assert '4 frames (4 of rgb)' in ended.stdout
    masks = [p.stem for p in (place / 'o').glob('?.png')]
    assert sorted(masks) == ['a', 'b', 'd', 'e']
    mask = read_array('o/e.png')[..., 0]
    np.testing.assert_array_equal(mask, segment({'rgb': scene['rgb']}))


def test_unknown_modality(predict, capsys):
    with pytest.raises(SystemExit):
        predict('--lidar', 'x', '--out', 'o')
    assert '--lidar' in capsys.readouterr().err


def test_options_of_modalities_are_left_aside():
    words = ['--rgb', 'a', 'CONFIG', '--depth=b', '--out', 'c', '--adapter']
    assert without_unknown([*words, 'd']) == [
        'CONFIG',
        '--out',
        'c',
        '--adapter',
        'd',
    ]


def test_files_as_the_data_set_stores_them(place, load):
    """Depth of 16 bits in millimetres, an encoding left to the network."""
    cv2.imwrite('mm.png', np.full((5, 7), 1500, np.uint16))
    formats = {'depth': {'dtype': 'uint16', 'scale': 0.001}}
    key = 'test_dataloader.dataset'
    cfg = load(**{f'{key}.formats': formats, f'{key}.type': 'FolderDataset'})
    depth = FrameReader(cfg)({'depth': place / 'mm.png'})['depth']
    np.testing.assert_allclose(depth, 1.5, rtol=1e-6)
    assert depth.shape == (5, 7, 1)
    with pytest.raises(ValueError, match=r'dtype='):
        FrameReader(cfg)({'depth': place / 'depth.npy'})
