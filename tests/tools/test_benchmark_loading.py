"""What loading costs, where some files are absent."""

import cv2
import numpy as np
import pytest

TOOL = 'benchmark_loading.py'
CONFIG = """
modalities = [dict(name='gray', channels=1), dict(name='ir', channels=1)]
train_dataloader = dict(
    dataset=dict(
        type='FolderDataset',
        data_root={root!r},
        modalities=modalities,
        labelled=False,
        pipeline=[
            dict(type='LoadModalities', absent_file={absent_file!r}),
            dict(type='PackModalities'),
        ],
    )
)
"""


@pytest.fixture
def make_config(tmp_path):
    """Return a function that writes a config; the second image lacks ir."""
    for name in ('gray/1', 'gray/2', 'ir/1'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image = np.zeros((3, 5), np.uint8)
        cv2.imwrite(str(tmp_path / f'{name}.png'), image)

    def make(absent_file):
        config = tmp_path / 'small.py'
        text = CONFIG.format(root=str(tmp_path), absent_file=absent_file)
        config.write_text(text)
        return config

    return make


def test_absent_files_cost_nothing(run, make_config, capsys):
    run(TOOL, make_config('missing'), '--images', 2)
    out = capsys.readouterr().out
    assert '| LoadModalities |' in out and 'the whole pipeline' in out


def test_absent_files_are_refused(refused, make_config):
    line = refused(TOOL, make_config('error'), '--images', 2)
    assert 'ir/2.png' in line and "`absent_file='missing'`" in line
