"""Configs and work folders in, one table out."""

import json

import pytest

FULL = 'rgb+depth+thermal'


@pytest.fixture(scope='module')
def compared(run, trained, folder):
    """A comparison that has to train and test what is not there yet."""
    run(
        'compare.py',
        trained.adapted_config,
        '--seeds',
        1,
        '--base',
        trained.config,
        '--out',
        'compared',
    )
    return json.loads((folder / 'compared/comparison.json').read_text())


def test_configs_are_run(compared, folder):
    base, method = compared['methods']
    assert (base['name'], method['name']) == ('base', 'tiny-ssf')
    assert method['seeds'] == [1]
    assert method['folders'] == ['work_dirs/tiny-ssf-seed1/test']
    assert method['miou'][FULL] == base['miou'][FULL]
    assert len(method['miou']) == 7
    cost = json.loads(
        (folder / 'work_dirs/tiny-ssf-seed1/cost.json').read_text()
    )
    assert cost['seed'] == 1
    assert method['seconds']['mean'] == cost['seconds']
    share = cost['added_parameters'] / (
        cost['total_parameters'] - cost['stored_parameters']
    )
    assert method['added_percent']['mean'] == pytest.approx(100 * share)
    for suffix in ('md', 'png'):
        assert (folder / f'compared/comparison.{suffix}').stat().st_size


def test_work_folders_give_the_same(run, compared, folder, capsys):
    run(
        'compare.py',
        'work_dirs/tiny-ssf-seed1',
        '--base',
        'work_dirs/tiny',
        '--out',
        'again',
        '--name-pattern',
        'ssf',
        '--no-run',
    )
    found = json.loads((folder / 'again/comparison.json').read_text())
    assert found['methods'][0] == compared['methods'][0]
    assert found['methods'][1] == {**compared['methods'][1], 'name': 'ssf'}
    table = capsys.readouterr().out
    assert '| ssf' in table and "rule 'mmseg'" in table


@pytest.fixture(scope='module')
def files(folder):
    """Folders that are no finished run, and a config that was not run."""
    (folder / 'empty').mkdir()
    (folder / 'broken').mkdir()
    (folder / 'broken/report.json').write_text('{}')
    (folder / 'file').touch()
    (folder / 'file.py').touch()


MISTAKES = {
    'no folder': (['nowhere'], "no work folder 'nowhere'"),
    'no config': (['nowhere.py'], "no config file 'nowhere.py'"),
    'no report': (
        ['empty'],
        'mmseg-missing test CONFIG CHECKPOINT --out empty',
    ),
    'no such report': (['broken'], "'broken': expected a report.json"),
    'not run': (['file.py', '--no-run'], 'leave --no-run out'),
    'pattern': (['ssf', '--name-pattern', 'lora'], '--name-pattern'),
    'no expression': (['ssf', '--name-pattern', '('], "pattern '('"),
    'twice': (['ssf', 'ssf/test'], "are both 'tiny-ssf'"),
    'base alone': (['ssf', '--base', 'ssf'], 'is the base itself'),
    'seeds': (['ssf', '--seeds', '1'], '--seeds is for configs'),
    'no base': (['ssf', '--base', 'empty'], 'no report.json'),
    'dedicated': (['ssf', '--dedicated', 'ssf'], 'no dedicated network'),
    'output folder': (['ssf', '--out', 'file/x'], 'cannot be written'),
}


@pytest.mark.parametrize('case', MISTAKES)
def test_mistakes(refused, compared, files, case):
    arguments, words = MISTAKES[case]
    work = 'work_dirs/tiny-ssf-seed1'
    arguments = [work + a[3:] if a[:3] == 'ssf' else a for a in arguments]
    assert words in refused('compare.py', '--out', 'x', *arguments)
