"""The command `repair`."""

from pathlib import Path

import pytest

from mmseg_missing.adapters import ROW_MODES
from mmseg_missing.cli.repair import main, parser, share

TINY = Path(__file__).parents[1] / 'configs/tiny.py'


@pytest.fixture
def base(tmp_path, forgetting, monkeypatch):
    """A checkpoint of random weights, and the folder it lies in."""
    import torch
    from mmengine.registry import DefaultScope
    from mmseg.registry import MODELS

    from mmseg_missing.apis.model import load_config

    for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
        monkeypatch.setattr(
            f'{place}.FormatCode', lambda t, **_: (t, True), raising=False
        )
    monkeypatch.chdir(tmp_path)
    with forgetting(), torch.random.fork_rng():
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmseg'):
            network = MODELS.build(load_config(TINY).model)
        torch.save({'state_dict': network.state_dict()}, 'base.pth')
        yield 'base.pth'


def test_dry_run_writes_nothing(base, tmp_path, capsys):
    main([str(TINY), base, '--dry-run', '--budget', '1%', '--fill', 'zero'])
    said = capsys.readouterr().out
    for word in ('6 combinations: rgb+depth', '12 epochs', '1,830 numbers'):
        assert word in said
    assert [path.name for path in tmp_path.iterdir()] == ['base.pth']


def test_the_whole_path(base, capsys):
    combination = '--combinations', 'rgb+depth'
    main([str(TINY), base, '--epochs', '1', '--work-dir', 'out', *combination])
    said = capsys.readouterr().out
    assert Path('out/table.txt').read_text() in said
    assert 'as before' in said
    sentences = said[said.index('With every sensor') : said.index('next, ')]
    assert max(map(len, sentences.splitlines())) < 80
    assert f'predict {TINY} {base} --adapter out/adapter.safe' in said
    assert '--combination rgb+depth' in said


def test_share():
    assert share('0.5%') == 0.005
    for text in ('0.5', '-1%', '0%', '101%', 'a%', '%', 'nan%'):
        with pytest.raises(Exception, match=r'such as 0\.5%'):
            share(text)


def test_help_fits_a_screen():
    said = parser().format_help()
    assert len(said.splitlines()) <= 50
    assert 'mmseg-missing repair NAME work_dirs' in said


def test_every_row_mode_can_be_asked_for():
    for rows in ROW_MODES:
        args = parser().parse_args([str(TINY), 'BASE', '--rows', rows])
        assert args.rows == rows
    with pytest.raises(SystemExit):
        parser().parse_args([str(TINY), 'BASE', '--rows', 'strange'])


def test_pictures_of_the_training_are_no_other_repair(base, capsys):
    options = '--epochs', '1', '--work-dir', 'out', '--combinations', 'rgb'
    main([str(TINY), base, *options, '--pictures', '1'])
    names = {
        path.name: path for path in Path('out/train').glob('*/vis_data/**/*')
    }
    assert 'sample_0_sample_000000_2.png' in names
    text = names['scalars.json'].read_text()
    assert 'loss/rgb"' in text and 'mIoU/rgb"' in text
    assert 'mIoU/depth"' not in text  # which this repair does not learn
    main([str(TINY), base, *options])
    assert 'train adapters: finished before' in capsys.readouterr().out
