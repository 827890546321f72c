"""The demo itself, on the smallest network and scenes."""

import re
from pathlib import Path

import pytest

from mmseg_missing.apis import read_array, stages
from mmseg_missing.cli import demo
from mmseg_missing.startup import deriving

TINY = Path(__file__).parents[1] / 'configs/tiny.py'
ALONE = """
_base_ = {base!r}
modalities = [_base_.modalities[2]]
model = dict(stack=modalities, backbone=dict(in_channels=[1]))
train_dataloader = dict(dataset=dict(modalities=modalities))
test_dataloader = dict(dataset=dict(modalities=modalities, num_scenes=5))
"""


@pytest.fixture(autouse=True)
def tiny(tmp_path, monkeypatch, forgetting):
    """Its configs are those of the tiny network."""
    texts = {
        demo.BASE: f'_base_ = {str(TINY)!r}\n'
        'test_dataloader = dict(dataset=dict(num_scenes=5))\n'
    }
    names = demo.DEDICATED
    texts[names['thermal']] = ALONE.format(base=str(TINY))
    for name, text in texts.items():
        (tmp_path / f'{name}.py').write_text(text)
    monkeypatch.setattr(demo, 'DEDICATED', {'thermal': names['thermal']})
    monkeypatch.setattr(deriving, 'LEAST', 1)
    monkeypatch.setattr(
        demo, 'find_config', lambda name: tmp_path / f'{name}.py'
    )
    for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
        monkeypatch.setattr(
            f'{place}.FormatCode', lambda t, **_: (t, True), raising=False
        )
    monkeypatch.chdir(tmp_path)
    with forgetting():
        yield


def test_once_and_again(capsys, monkeypatch):
    demo.main(['--work-dir', 'work'])
    said = capsys.readouterr().out
    table = (Path('work') / 'table.txt').read_text()
    assert table in said
    rows = [line for line in table.splitlines() if line.startswith('| ')]
    assert len(rows) == 1 + 7 + 1
    assert re.search(r'\| thermal +\| +[\d.]+ \| +[\d.]+ \| +[\d.]+ \|', table)
    assert 'as before' in said and 'it recovers the fraction' in said
    for name in ('pictures.png', 'chart.png'):
        assert (Path('work') / name).stat().st_size > 0
    frame = read_array(Path('work') / 'frame.png')
    scenes = demo.load_config(demo.find_config(demo.BASE)).test_dataloader
    assert frame.shape == (*scenes.dataset.size, 3) and frame.std() > 1
    page = (Path('work') / 'report.html').read_text()
    for words in ('Worst failures left', 'ECE after', '>dedicated</th>'):
        assert words in page
    assert str(Path('work') / 'report.html') in said

    def never(cfg):
        raise AssertionError('it ran again')

    monkeypatch.setattr(stages, 'train', never)
    monkeypatch.setattr(stages, 'score', never)
    demo.main(['--work-dir', 'work'])
    assert table in capsys.readouterr().out
