"""What verbs say that they would do, and that they do nothing."""

import re

import pytest

from mmseg_missing.cli.main import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder, which stays empty."""
    folder = tmp_path / 'here'
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def plan(capsys, configs):
    """Return a function that gives what a dry run says, by its words."""

    def plan(verb, config, *arguments):
        argv = [verb, configs / f'{config}.py', *arguments, '--dry-run']
        main(list(map(str, argv)))
        head, *lines = capsys.readouterr().out.splitlines()
        assert head.startswith('dry run, nothing was written')
        assert all(len(line) < 80 for line in lines if '/' not in line)
        facts, word = {}, ''
        for line in lines:
            word = line[2:12].strip() or word
            facts[word] = f'{facts.get(word, "")} {line[12:]}'.strip()
        return facts

    return plan


def test_train(plan):
    facts = plan('train', 'tiny')
    assert facts['network'].startswith('MissingModalitySegmentor of rgb+')
    assert facts['channels'] == 'rgb 3, depth 1, thermal 1'
    assert facts['data'].startswith('4 samples of SceneDataset, train, 11 cl')
    assert facts['data'].endswith('2 batches of 2')
    assert facts['a sample'].startswith('5 x 32 x 48')
    assert facts['trains'] == '1 epoch'
    assert facts['writes'] == 'work_dirs/tiny/*.pth'


def test_train_adapters(plan, files, tmp_path):
    facts = plan('train', 'tiny-ssf', '--base', files.base)
    assert 'numbers for a combination' in facts['adapters']
    row, learns = (
        int(re.search(words, facts[fact])[1].replace(',', ''))
        for fact, words in (
            ('adapters', r'([\d,]+) numbers for'),
            ('network', r'([\d,]+) of them learn'),
        )
    )
    assert learns % row == 0  # vectors, and no constant of the bank
    assert facts['learnt'].startswith('6 combinations: ')
    assert str(files.base) in facts['reads']
    assert 'missing!' not in facts['reads']
    assert facts['writes'].endswith('work_dirs/tiny-ssf/adapter.safetensors')


def test_a_base_that_is_not_there_is_said(plan):
    assert (
        'nowhere.pth (missing!)'
        in (plan('train', 'tiny-ssf', '--base', 'nowhere.pth')['reads'])
    )


def test_resumed(plan, files, tmp_path):
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'epoch_1.pth').write_bytes(files.base.read_bytes())
    facts = plan('train', 'tiny', '--work-dir', work, '--resume')
    assert facts['resumes'].endswith('epoch_1.pth')


def test_test(plan, files):
    facts = plan(
        'test',
        'tiny',
        files.base,
        '--adapter',
        files.adapter,
        '--present',
        'rgb',
        'depth',
        '--out',
        'scores',
    )
    assert facts['scores'] == '2 combinations: rgb, depth'
    assert facts['writes'] == 'work_dirs/tiny/, scores/'
    assert facts['learnt'].startswith('6 combinations')
    assert plan('test', 'tiny', files.base)['scores'].startswith('7 comb')


def test_fit(plan, files):
    facts = plan('fit', 'tiny', files.base, 'a.safetensors', '--batches', '1')
    assert facts['fit'].startswith('moments of 1 batches of 2; scored on 2 ot')
    assert facts['writes'] == 'a.safetensors'


def test_fold(plan, files):
    facts = plan(
        'fold', 'tiny-ssf', files.joined, 'rgb.pth', *['--combination', 'rgb']
    )
    assert facts['folds'] == 'rgb into a plain network'
    assert facts['writes'] == 'rgb.pth, rgb.py'


def test_analyze(plan, files):
    facts = plan('analyze', 'tiny', files.base, '--out', 'found')
    assert facts['measures'].startswith('6 combinations on 4 images, ')
    assert facts['writes'] == 'found/'


def test_benchmark(plan):
    facts = plan('benchmark', 'tiny', '--shape', '32', '48', '--repeats', '1')
    assert facts['input'] == '1 x 5 x 32 x 48'
    assert facts['measures'].startswith('7 combinations, ')


def test_export_and_formats_make_no_folder(plan, files):
    facts = plan('export', 'tiny', files.base, '--all', '--out', 'new/files')
    assert facts['exports'].endswith('as onnx')
    given = ('--checkpoint', files.base, '--out', 'new/formats.json')
    facts = plan('benchmark', 'tiny', *given, '--formats', 'eager')
    assert facts['formats'] == 'eager'
    plan('benchmark', 'tiny', *given)


def test_files_are_checked(files, configs, capsys):
    with pytest.raises(SystemExit):
        main(['test', str(configs / 'tiny.py'), 'no.pth', '--dry-run'])
    assert "no checkpoint 'no.pth'" in capsys.readouterr().err
