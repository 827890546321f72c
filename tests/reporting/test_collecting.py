"""What is found in folders, and what is refused."""

import json

import pytest

from mmseg_missing.cli import report as verb
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.evaluation import write_report
from mmseg_missing.reporting import collect, page_of
from mmseg_missing.reporting.training import axis_of, curves_of

from .conftest import analysis_of, cost_of, report_of, scalars_of


def test_a_repair(repair):
    [run] = collect([repair()]).runs
    assert run.name == 'small-repaired'
    assert run.base['rgb'] == pytest.approx(100 / 3)
    assert run.part.cost.added_parameters == 50
    assert run.settings['repair'].facts['checkpoint'] == 'epoch_1.pth'


def test_the_demo_in_one_folder(repair, tmp_path):
    repair('demo/net-repaired')
    cost_of(tmp_path / 'demo/net')
    for name, right in {'rgb': 8, 'depth': 7}.items():
        folder = tmp_path / 'demo' / f'net-{name}'
        write_report(report_of((right,), modalities=(name,)), folder / 'test')
    found = collect([tmp_path / 'demo'])
    assert [run.name for run in found.runs] == ['net-repaired']
    assert found.dedicated == pytest.approx(
        {'rgb': 80 / 1.2, 'depth': 70 / 1.3}
    )


def test_a_run_that_adds_nothing_is_the_base(tmp_path):
    for name, right in {'base': (9, 5, 2), 'ssf': (9, 7, 6)}.items():
        write_report(report_of(right), tmp_path / name / 'test')
        cost_of(tmp_path / name, added=50 * (name == 'ssf'))
    found = collect([tmp_path / 'base', tmp_path / 'ssf'])
    [run] = found.runs
    assert run.name == 'ssf' and run.base['depth'] == pytest.approx(100 / 9)
    assert found.comparison.base.miou['rgb'].mean == pytest.approx(100 / 3)


def repaired(folder, before, after):
    for part, right in {'before': before, 'after': after}.items():
        write_report(report_of(right), folder / part)
    cost_of(folder / 'train', added=50)
    return folder


def test_repairs_of_different_bases_are_measured_against_none(tmp_path):
    folders = [
        repaired(tmp_path / 'one', (9, 5, 2), (9, 7, 6)),
        repaired(tmp_path / 'two', (10, 8, 8), (10, 9, 8)),
    ]
    found = collect(folders)
    assert found.comparison.base is None
    assert all(row.won_back is None for row in found.comparison.methods)
    assert [run.base['rgb'] for run in found.runs] == pytest.approx(
        [100 / 3, 200 / 3]
    )
    assert 'did not begin with one network' in page_of(found)
    # Each alone knows its own.
    assert collect(folders[1:]).comparison.base is not None


def test_a_network_that_adds_nothing_is_not_the_base_of_others(tmp_path):
    """Such as one that was trained with sensors missing, from scratch."""
    folder = repaired(tmp_path / 'ssf', (9, 5, 2), (9, 7, 6))
    write_report(report_of((8, 7, 7)), tmp_path / 'dropout' / 'test')
    cost_of(tmp_path / 'dropout')
    found = collect([folder, tmp_path / 'dropout'])
    assert [run.name for run in found.runs] == ['ssf', 'dropout']
    assert found.comparison.base.miou['rgb'].mean == pytest.approx(100 / 3)
    assert not found.runs[1].base


def test_seeds_and_equal_names(repair):
    folders = [repair(f'{n}/ssf-seed{k}') for n in 'ab' for k in (0, 1)]
    found = collect(folders)
    assert len({run.name for run in found.runs}) == 4
    assert len(found.comparison.methods) == 2


def test_an_analysis_alone(tmp_path):
    analysis_of(tmp_path / 'analysis')
    found = collect([tmp_path / 'analysis'])
    assert found.runs == () and len(found.analyses) == 1


def test_curves_go_on_where_a_training_was_stopped(tmp_path):
    scalars_of(
        tmp_path,
        {'loss/rgb': 3.0, 'step': 1},
        {'loss/rgb': 2.0, 'step': 2},
        {'loss/rgb': float('nan'), 'loss/depth': 'x', 'step': 3},
        {'loss/strange': 1.0, 'step': 4},
        ['no record'],
    )
    later = tmp_path / '20260102_000000' / 'vis_data'
    later.mkdir(parents=True)
    (later / 'scalars.json').write_text('{"loss/rgb": 1.5, "step": 2}')
    found = curves_of(tmp_path, 'loss', ('rgb', 'depth'))
    assert found == {'rgb': {1: 3.0, 2: 1.5}}


def start_of(folder, name, *records):
    """Write what one start of a training recorded."""
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, records)))


def test_a_training_that_began_anew_replaces_what_was(tmp_path):
    """A shorter one has no tail of another's."""
    first = ({'loss/rgb': 9.0, 'step': k} for k in range(1, 9))
    start_of(tmp_path, '1', *first, {'mIoU/rgb': 1.0, 'step': 8})
    start_of(
        tmp_path,
        '2',
        {'loss': 1.0, 'epoch': 1, 'iter': 3, 'step': 3},
        {'loss/rgb': 5.0, 'step': 4},
    )
    assert curves_of(tmp_path, 'loss', ('rgb',)) == {'rgb': {4: 5.0}}
    assert curves_of(tmp_path, 'mIoU', ('rgb',)) == {}


def trained(epoch, steps=50):
    step = epoch * steps
    return {'loss': 1.0, 'epoch': epoch, 'iter': step, 'step': step}


def test_validations_are_counted_as_they_were_recorded(tmp_path):
    """MMEngine counts them in epochs unless it is told else."""
    assert axis_of(tmp_path) == 'training steps'
    rows = [
        row
        for epoch in (1, 2, 3)
        for row in (
            trained(epoch),
            {'mIoU/rgb': 10.0 * epoch, 'step': epoch},
        )
    ]
    start_of(tmp_path, '1', *rows)
    assert axis_of(tmp_path) == 'epochs'
    # Resumed after the second epoch.
    start_of(tmp_path, '2', trained(3), {'mIoU/rgb': 31.0, 'step': 3})
    found = curves_of(tmp_path, 'mIoU', ('rgb',))
    assert found == {'rgb': {1: 10.0, 2: 20.0, 3: 31.0}}
    # And once more, in steps: the two do not mix.
    start_of(tmp_path, '3', trained(4), {'mIoU/rgb': 40.0, 'step': 200})
    assert axis_of(tmp_path) == 'training steps'
    assert curves_of(tmp_path, 'mIoU', ('rgb',)) == {'rgb': {200: 40.0}}


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        run_tool(lambda: verb.main([str(a) for a in arguments]))
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and said.startswith('error: ')
    return said


def test_no_run(tmp_path, capsys):
    said = refused(capsys, tmp_path / 'nowhere')
    assert 'no work folder' in said and 'mmseg-missing repair' in said
    (tmp_path / 'empty').mkdir()
    said = refused(capsys, tmp_path / 'empty')
    assert 'is no run' in said and 'mmseg-missing test' in said


@pytest.mark.parametrize(
    ('file', 'text'),
    [
        ('after/report.json', '{"scores": [1, 2]}'),
        ('after/report.json', 'no JSON'),
        ('before/report.json', '[]'),
        ('setting.json', '{"command": 3}'),
        ('train/cost.json', '{}'),
        ('analysis/analysis.json', '{"importance": {}}'),
        ('after/pictures/pictures.json', '{"pictures": [{}]}'),
    ],
)
def test_foreign_files(repair, capsys, file, text):
    path = repair() / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    said = refused(capsys, path.parents[len(file.split('/')) - 1])
    assert 'expected' in said and path.parent.name in said


@pytest.mark.parametrize(
    'change',
    [
        {'importance': {}},
        {'sites': []},
        {'sites': [{'name': 3, 'score': 0.5, 'chosen': True}]},
        {'sites': [{'name': 'a', 'score': '0.5', 'chosen': True}]},
        {'importance': dict(zip('ab', [{'rgb': 1.0}, {'depth': 1.0}]))},
        {'importance': {'base': {'rgb': '1.0'}}},
        {'importance': {'base': {'rgb': float('nan')}}},
    ],
)
def test_analyses_that_cannot_be_drawn(tmp_path, capsys, change):
    analysis_of(tmp_path / 'analysis')
    path = tmp_path / 'analysis' / 'analysis.json'
    if 'importance' in change:
        change = {
            'importance': {
                network: {
                    key: {'shapley': values, 'interactions': {}}
                    for key in ('mIoU', '-NLL')
                }
                for network, values in change['importance'].items()
            }
        }
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    said = refused(capsys, tmp_path)
    assert 'mmseg-missing analyze' in said


def test_a_picture_that_leads_elsewhere(repair, capsys):
    folder = repair()
    place = folder / 'after/pictures'
    place.mkdir()
    one = dict.fromkeys(('kind', 'image', 'combination'), 'x')
    one |= {'inputs': '../report.json', 'masks': 'b.png'}
    one |= {'before': 1.0, 'after': 2.0}
    (place / 'pictures.json').write_text(
        json.dumps({'pictures': [one], 'colours': {}})
    )
    assert 'no name of a file' in refused(capsys, folder)


@pytest.mark.parametrize(
    ('options', 'word'),
    [
        ({'classes': ('wall', 'sky')}, 'classes'),
        ({'modalities': ('rgb', 'thermal')}, 'modalities'),
        ({'split': 'val'}, 'split'),
    ],
)
def test_tasks_are_not_mixed(repair, tmp_path, capsys, options, word):
    if 'modalities' in options:
        text = json.loads(report_of((9, 7, 6)).to_json())
        text['modalities'] = ['rgb', 'thermal']
        for scores in text['combinations']:
            scores['name'] = scores['name'].replace('depth', 'thermal')
        other = tmp_path / 'other' / 'test' / 'report.json'
        other.parent.mkdir(parents=True)
        other.write_text(json.dumps(text))
    else:
        report = report_of((9, 7, 6), **options)
        write_report(report, tmp_path / 'other' / 'test')
    said = refused(capsys, repair(), tmp_path / 'other')
    assert 'cannot be compared' in said and word in said


def test_out_cannot_be_written(repair, tmp_path, capsys):
    said = refused(capsys, repair(), '--out', tmp_path)
    assert 'cannot be written' in said and '--out' in said


def test_the_verb(repair, tmp_path, capsys):
    verb.main([str(repair()), '--out', str(tmp_path / 'page.html')])
    assert 'page.html' in capsys.readouterr().out
    assert (tmp_path / 'page.html').stat().st_size > 10_000
