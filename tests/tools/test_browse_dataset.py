import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmseg_missing.cli.ending import run_tool

TOOL = Path(__file__).parents[2] / 'tools/browse_dataset.py'
CONFIG = """
modalities = [
    dict(name='rgb', channels=3),
    dict(name='depth', channels=1, interpolation='nearest'),
]
train_dataloader = dict(
    dataset=dict(
        type='NYUv2Dataset',
        data_root={root!r},
        split='train',
        modalities=modalities,
        num_classes=13,
        pipeline=[
            dict(type='LoadModalities', modalities=modalities),
            dict(type='LoadLabel', num_classes=13),
            dict(type='ResizeModalities', modalities=modalities, scale=(7, 5)),
            dict(type='PackModalities', modalities=modalities),
        ],
    )
)
"""


@pytest.fixture
def browse(tmp_path, monkeypatch):
    """Twelve frames in the compact layout, browsed in this process."""
    for folder, shape in (('rgb', (11, 13, 3)), ('depth8', (11, 13))):
        (tmp_path / folder).mkdir()
        for i in range(10):
            suffix = 'jpg' if folder == 'rgb' else 'png'
            path = tmp_path / folder / f'{i}.{suffix}'
            cv2.imwrite(str(path), np.full(shape, 20 * i + 30, np.uint8))
    (tmp_path / 'label13').mkdir()
    for i in range(10):
        label = np.full((11, 13), i + 1, np.uint8)
        cv2.imwrite(str(tmp_path / f'label13/{i}.png'), label)
    names = ''.join(f'{i}\n' for i in range(10))
    (tmp_path / 'train.txt').write_text(names)
    config = tmp_path / 'small.py'
    config.write_text(CONFIG.format(root=str(tmp_path)))

    def run(*options):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), str(config), *options])
        run_tool(runpy.run_path(str(TOOL))['main'])

    monkeypatch.chdir(tmp_path)
    return run


def test_sheet_has_a_row_per_sample(browse, capsys):
    browse('--num', '2', '--out', 'sheets/a.png')
    assert 'drawn to sheets/a.png\n' in capsys.readouterr().out
    sheet = cv2.imread('sheets/a.png')[..., ::-1]
    assert sheet.shape == (20 + 4 + 2 * (5 + 4), 4 + 3 * (7 + 4), 3)
    first, last = sheet[26, 6], sheet[35, 6]  # rgb of frames 0 and 8
    np.testing.assert_allclose(first, 30, atol=3)
    np.testing.assert_allclose(last, 190, atol=3)
    assert sheet[26, 28].tolist() == [128, 0, 0]  # label: the first class


def test_default_place(browse, tmp_path):
    browse()
    assert (tmp_path / 'work_dirs/browse/small_train.png').is_file()


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        (['--split', 'test'], 'test_dataloader'),
        (
            [
                '--cfg-options',
                'train_dataloader.dataset.data_root=nowhere',
            ],
            'data_root',
        ),
        (['--out', 'train.txt/a.png'], 'cannot be written'),
    ],
)
def test_mistakes_end_in_one_line(browse, capsys, options, word):
    with pytest.raises(SystemExit) as ended:
        browse(*options)
    assert ended.value.code == 2
    assert word in capsys.readouterr().err.splitlines()[-1]
