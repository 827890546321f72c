"""The command `recommend`."""

import pytest

from mmseg_missing.cli.recommend import main


def test_reasons_and_command(capsys):
    main(['--share', '0.2%', '--hours', '1', '--modalities', '4'])
    said = capsys.readouterr().out
    for word in ('Why:', 'Not measured:', 'In a config:', '--budget 0.2%'):
        assert word in said
    text = said.partition('In a config')[0]
    assert max(map(len, text.splitlines())) <= 79


def test_no_time(capsys):
    main(['--hours', '0.001'])
    said = capsys.readouterr().out
    assert 'mmseg-missing fit' in said
    assert 'In a config' not in said


def test_a_share_is_one(capsys):
    with pytest.raises(SystemExit):
        main(['--share', '3'])
    assert 'such as 0.5%' in capsys.readouterr().err
