"""Adapter files cut to combinations, joined again, and inspected."""

import pytest


@pytest.fixture(scope='module')
def cut(run, trained):
    """The trained file in two: rgb+thermal, and what else there is."""
    paths = [trained.adapter.with_name(f'{name}.safetensors') for name in 'ab']
    for path, names in zip(
        paths, (['rgb+thermal'], ['rgb+depth', 'depth+thermal'])
    ):
        run(
            'export_adapter.py',
            trained.adapted_config,
            trained.joined,
            path,
            '--combination',
            *names,
        )
    return paths


@pytest.mark.parametrize('config', ['config', 'adapted_config'])
def test_files_join(score, trained, cut, config):
    config = getattr(trained, config)
    names = ['rgb+depth', 'rgb+thermal']
    files = (config, trained.base, '--present', *names, '--adapter')
    assert score(*files, *cut) == score(*files, trained.adapter)


def test_files_that_repair_the_same(refused, trained, cut):
    line = refused(
        'test.py',
        trained.config,
        trained.base,
        '--adapter',
        trained.adapter,
        cut[0],
    )
    assert "both repair 'rgb+thermal'" in line


def test_a_combination_that_nobody_trained(refused, trained, tmp_path):
    line = refused(
        'export_adapter.py',
        trained.adapted_config,
        trained.joined,
        tmp_path / 'x.safetensors',
        '--combination',
        'depth',
    )
    assert "no trained row for 'depth'" in line
    assert not list(tmp_path.iterdir())


def test_inspect(run, trained, cut, capsys):
    run('inspect_adapter.py', cut[0], '--sites')
    table, *sites = capsys.readouterr().out.rsplit('+\n', 1)
    for words in (
        'ScaleShift',
        'rgb+depth+thermal',
        'rgb+thermal: ',
        'zero',
        'per combination',
    ):
        assert words in table
    assert 'backbone' in sites[0]


def test_inspect_something_else(refused, trained):
    line = refused('inspect_adapter.py', trained.base)
    assert 'no adapter file' in line
