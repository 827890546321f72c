"""The verb: what it prints and refuses."""

import cv2
import numpy as np
import pytest

from mmseg_missing.cli.ending import run_tool
from mmseg_missing.cli.new import main, parser


@pytest.fixture(autouse=True)
def no_global_state(forgetting):
    with forgetting():
        yield


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for kind in ('rgb', 'cam2', 'labels'):
        (tmp_path / 'mine' / kind).mkdir(parents=True)
        for i in range(5):
            image = rng.integers(0, 256, (12, 14, 3), np.uint8)
            if kind == 'labels':
                image = np.uint8(image[..., 0] > 99)
            cv2.imwrite(str(tmp_path / f'mine/{kind}/{i}.png'), image)
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'mine'


def test_what_is_printed(folder, capsys):
    main(['mine', '--modality', 'thermal=cam2'])
    out = capsys.readouterr().out
    assert '5 samples (3 train, 1 val, 1 test)' in out
    assert 'thermal   3 x uint8' in out
    assert 'a guess, classes: names are made up' in out
    train, repair = out.splitlines()[-2:]
    assert train.endswith(' train cmnext_small_mine')
    assert repair.endswith(
        ' repair cmnext_small_mine work_dirs/cmnext_small_mine/epoch_200.pth'
    )
    assert (folder.parent / 'configs/mine/data.py').is_file()


def test_dry_run(folder, capsys):
    main(['mine', '--dry-run'])
    out = capsys.readouterr().out
    assert out.startswith('dry run, nothing was written')
    assert '  a guess, cam2: the name of' in out
    assert not (folder.parent / 'configs').exists()


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (['mine', '--labels', 'gt'], '--labels takes one of'),
        (['mine', '--modality', 'cam2'], 'NAME=FOLDER'),
        (['mine', '--classes', 'no.txt'], '--classes'),
        (['nowhere'], "'nowhere'"),
    ],
)
def test_mistakes_end_with_a_line(folder, options, said, capsys):
    with pytest.raises(SystemExit) as end:
        run_tool(lambda: main(options))
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith('error: ')
    assert said in line
    assert not (folder.parent / 'configs').exists()


def test_help_fits_a_screen():
    lines = parser().format_help().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) < 80
    assert any('mmseg-missing new data/mine' in line for line in lines)
