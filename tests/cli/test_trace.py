"""Traces as arguments of `test`."""

import pytest

from mmseg_missing.cli.main import main


@pytest.fixture
def dry(configs, files, tmp_path, capsys):
    """Return a function that gives what a dry run says."""

    def dry(*arguments):
        argv = ['test', configs / 'tiny.py', files.base, '--dry-run']
        main([*map(str, argv), '--work-dir', str(tmp_path), *arguments])
        return capsys.readouterr().out

    return dry


def test_a_file_alone_is_enough(dry, tmp_path):
    path = tmp_path / 'rig.csv'
    path.write_text('thermal,depth,rgb\n1,0,0\n0,1,0\n1,0,0\n')
    said = dry('--trace', str(path))
    assert '2 combinations: depth, thermal' in said
    assert 'protocol  trace' in said and 'rig.csv' in said
    assert said == dry('--protocol', 'trace', '--trace', str(path))


def test_rates(dry):
    said = dry('--protocol', 'trace', '--trace', 'dead=0,back=0')
    assert '1 combinations: rgb+depth+thermal' in said


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--protocol', 'trace'], 'belong together'),
        (['--protocol', 'NM', '--trace', 'dead=0,back=0'], 'belong together'),
        (['--trace', 'dead=2,back=0'], 'from 0 to 1'),
        (['--trace', 'none.csv'], "no trace 'none.csv'"),
        (['--trace', 'dead=0,back=0', '--present', 'rgb'], '--present out'),
        (['--trace', 'dead=0,back=0', '--base', 'x'], '--base says'),
    ],
)
def test_mistakes(dry, arguments, said, capsys):
    with pytest.raises(SystemExit) as caught:
        dry(*arguments)
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.strip().splitlines()[-1:]
    assert said in line
