"""Report, tables, chart and files."""

import csv
import json
import math
from dataclasses import replace

import pytest
import torch

from mmseg_missing.evaluation import (
    CombinationScores,
    Report,
    check_writable,
    class_table,
    csv_table,
    render,
    summary_table,
    write_report,
)
from mmseg_missing.visualization import bar_chart

MATRICES = {
    'rgb+depth': [[5, 0, 0], [0, 5, 0], [0, 0, 0]],
    'rgb': [[1, 1, 0], [0, 2, 0], [0, 0, 0]],
    'depth': [[0, 2, 0], [1, 1, 0], [0, 0, 0]],
}


NO_CAT = 'in no label, and not in any mean by mmseg: cat'


def make_report(names=tuple(MATRICES), rule='mmseg'):
    return Report(
        modalities=('rgb', 'depth'),
        classes=('wall', 'floor', 'cat'),
        rule=rule,
        fill='zero',
        split='test',
        missing_rates=(0.2, 0.1),
        combinations=tuple(
            CombinationScores.from_matrix(n, 5, torch.tensor(MATRICES[n]))
            for n in names
        ),
    )


def test_scores_under_both_rules():
    rgb = make_report().combinations[1]
    assert rgb.miou == pytest.approx({'mmseg': 350 / 6, 'cmnext': 350 / 9})
    assert rgb.macc == pytest.approx({'mmseg': 75, 'cmnext': 50})
    # F1 is 2 / 3 and 4 / 5 of the two classes that occur.
    assert rgb.mf1 == pytest.approx({'mmseg': 220 / 3, 'cmnext': 440 / 9})
    assert rgb.aacc == 75
    assert rgb.class_iou == (50, pytest.approx(200 / 3), None)
    assert make_report(rule='cmnext').miou['rgb'] == rgb.miou['cmnext']


def test_summary_numbers():
    report = make_report()
    scores = report.miou
    assert report.mean == pytest.approx(sum(scores.values()) / 3)
    assert report.worst == 'depth'
    missing = scores['rgb'] + scores['depth']
    assert report.mean_missing == pytest.approx(missing / 2)
    assert make_report(['rgb+depth']).mean_missing == scores['rgb+depth']
    weights = {'rgb+depth': 0.64, 'rgb': 0.16, 'depth': 0.16}
    assert report.expected[0.2] == pytest.approx(
        sum(weights[n] * scores[n] for n in weights) / 0.96
    )
    assert make_report(['rgb']).expected == {}


def test_nothing_labelled():
    with pytest.raises(ValueError, match='3 images scored for rgb'):
        CombinationScores.from_matrix('rgb', 3, torch.zeros(2, 2).long())


def test_json_round_trip():
    report = make_report()
    text = report.to_json()
    assert Report.from_json(text) == report
    summary = json.loads(text)['summary']
    assert summary['worst'] == {'name': 'depth', 'miou': report.miou['depth']}
    assert summary['expected']['0.2'] == report.expected[0.2]


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"summary": 1}'])
def test_json_of_something_else(text):
    with pytest.raises(ValueError, match=r'report\.json'):
        Report.from_json(text)


def test_summary_table_is_narrow_and_states_its_settings():
    report = make_report()
    table = summary_table(report)
    for text in ("'mmseg'", 'fill zero', 'split test', '58.33', 'E(0.2)'):
        assert text in table
    assert 'worst (depth)' in table
    assert max(map(len, table.splitlines())) < 80
    assert 'mean of 2 incomplete' in table and '73.33' in table
    assert 'E(' not in summary_table(make_report(['rgb']))


def test_class_table_shows_undefined_classes():
    lines = class_table(make_report()).splitlines()
    assert lines[-2].replace(' ', '') == '|cat|-|-|-|'


def test_csv():
    rows = list(csv.DictReader(csv_table(make_report()).splitlines()))
    assert [row['combination'] for row in rows] == list(MATRICES)
    assert rows[1]['mIoU_mmseg'] == '58.3333'
    assert rows[1]['mIoU_cmnext'] == '38.8889'
    assert rows[1]['mF1_mmseg'] == '73.3333'
    assert rows[1]['IoU/wall'] == '50.0000'
    assert rows[1]['IoU/cat'] == ''
    assert (rows[1]['fill'], rows[1]['split']) == ('zero', 'test')


def test_chart_puts_the_full_combination_first_and_in_bold():
    miou = {'rgb': 30.0, 'rgb+depth': 50.0, 'depth': 20.0}
    figure = bar_chart({'base': miou, 'own': {'rgb': 40.0}}, 'title', 'note')
    axes = figure.axes[0]
    labels = axes.get_yticklabels()
    assert [t.get_text() for t in labels] == ['rgb+depth', 'rgb', 'depth']
    assert [t.get_fontweight() for t in labels][:2] == ['bold', 'normal']
    widths = [[bar.get_width() for bar in c] for c in axes.containers]
    assert widths == [[50, 30, 20], [40]]


def test_files(tmp_path):
    report = make_report()
    write_report(report, tmp_path / 'new' / 'folder')
    folder = tmp_path / 'new' / 'folder'
    assert Report.from_json((folder / 'report.json').read_text()) == report
    assert (folder / 'report.csv').read_text() == csv_table(report)
    assert (folder / 'report.png').read_bytes().startswith(b'\x89PNG')


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match=r'cannot be written .*`out_dir`'):
        check_writable(tmp_path / 'file' / 'below')
    with pytest.raises(OSError, match='cannot be written'):
        check_writable(tmp_path / 'file')


def test_folder_without_write_permission(tmp_path, monkeypatch):
    """Root may write anywhere, so the refusal is played."""

    def refuse(**_):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(render.tempfile, 'TemporaryFile', refuse)
    with pytest.raises(OSError, match=r'written \(Permission denied\)'):
        check_writable(tmp_path)


CAMERA = {
    'modalities': ('rgb', 'aolp', 'nir'),
    'sensors': ('camera', 'camera', 'nir'),
}
WHOLE = {'rgb+aolp+nir': 60.0, 'rgb+aolp': 40.0, 'nir': 20.0}


def scored(miou):
    """Return what a report holds of these scores."""
    perfect = make_report().combinations[0]
    return tuple(
        replace(perfect, name=name, miou={'mmseg': v, 'cmnext': v})
        for name, v in miou.items()
    )


def test_sensors_fail_together():
    report = replace(make_report(), **CAMERA, combinations=scored(WHOLE))
    assert report.is_complete and report.mean == 40
    expected = (0.64 * 60 + 0.16 * 40 + 0.16 * 20) / 0.96
    assert report.expected[0.2] == pytest.approx(expected)
    assert 'split test, whole sensors' in summary_table(report)
    assert report.notes == (
        'fail together: rgb+aolp (--present subsets scores all subsets)',
        NO_CAT,
    )
    assert Report.from_json(report.to_json()) == report


def test_all_subsets_let_modalities_fail():
    names = ('rgb+aolp+nir', 'rgb+aolp', 'rgb+nir', 'aolp+nir')
    miou = dict.fromkeys((*names, 'rgb', 'aolp', 'nir'), 7.0)
    report = replace(
        make_report(), **CAMERA, combinations=scored({**miou, 'nir': 0.0})
    )
    assert report.scope == 'all subsets'
    weight = 0.8 * 0.2**2 / (1 - 0.2**3)  # of nir alone, of three
    assert report.expected[0.2] == pytest.approx(7 * (1 - weight))


def test_reports_of_before_sensors_and_f1():
    fields = json.loads(make_report().to_json())
    del fields['sensors'], fields['summary']['scope']
    for scores in fields['combinations']:
        del scores['mf1'], scores['never_predicted']
        del scores['never_labelled']
    report = Report.from_json(json.dumps(fields))
    assert report.expected == make_report().expected
    rows = list(csv.DictReader(csv_table(report).splitlines()))
    assert rows[1]['mF1_mmseg'] == '' and rows[1]['mAcc_mmseg'] == '75.0000'
    assert ' - ' in summary_table(report)


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_scores_that_are_not_finite(value):
    with pytest.raises(
        ValueError, match='mmseg of rgb` takes a finite number'
    ):
        replace(make_report(), combinations=scored({'rgb': value}))
    text = make_report().to_json().replace('75.0', 'NaN')
    with pytest.raises(
        ValueError, match=r'report\.json .*of rgb` takes a finite '
    ):
        Report.from_json(text)


def test_notes_below_the_table():
    better = {'rgb+depth': 50.0, 'rgb': 60.0, 'depth': 40.0}
    report = replace(make_report(), combinations=scored(better))
    note = 'better than rgb+depth (50.00): rgb (60.00)'
    assert report.notes == (note, NO_CAT)
    assert summary_table(report).endswith(f'{note}\n{NO_CAT}')
    found = json.loads(report.to_json())['summary']['notes']
    assert found == [note, NO_CAT]
    blind = torch.tensor([[5, 0, 0], [2, 0, 0], [0, 0, 0]])
    scores = CombinationScores.from_matrix('rgb+depth', 5, blind)
    note, _ = replace(report, combinations=(scores,)).notes
    assert 'never predicted with rgb+depth' in note
    assert note.endswith(': floor')
    assert make_report().notes == (NO_CAT,)
    every = CombinationScores.from_matrix('rgb', 5, torch.eye(3).long())
    assert replace(report, combinations=(every,)).notes == ()


def test_more_sensors_that_score_worse():
    better = {'rgb+depth': 50.0, 'rgb': 60.0, 'depth': 40.0}
    report = replace(make_report(), combinations=scored(better))
    said = (
        'more sensors score worse in 1 of 2 pairs of combinations, most with '
        'rgb+depth (50.00) against rgb (60.00)'
    )
    assert said in summary_table(report)
    found = json.loads(report.to_json())['summary']['pairs']
    worst = {'larger': 'rgb+depth', 'smaller': 'rgb', 'loss': 10.0}
    assert found == {'count': 2, 'worse': [worst]}
    rows = list(csv.DictReader(csv_table(report).splitlines()))
    assert [row['worse_than'] for row in rows] == ['rgb', '', '']
    assert 'worse in 0 of 2 pairs' in summary_table(make_report())
    assert 'pairs' not in summary_table(make_report(['rgb']))


def test_pairs_are_of_the_same_images():
    """RGB alone was scored on more images, which may be easier."""
    full, rgb, depth = make_report().combinations
    more = replace(rgb, images=9)
    report = replace(make_report(), combinations=(full, more, depth))
    assert report.pairs == [('rgb+depth', 'depth')]


BASE = {'rgb+depth': 60.0, 'rgb': 40.0, 'depth': 20.0}
ADAPTED = {'rgb+depth': 60.0, 'rgb': 48.0, 'depth': 50.0}


def with_base(**changes):
    base, adapted = (
        replace(make_report(), combinations=scored(miou))
        for miou in (BASE, ADAPTED)
    )
    return adapted.against(replace(base, **changes))


def test_what_was_won_back():
    report = with_base()
    assert report.won_back == pytest.approx({'rgb': 0.4, 'depth': 0.75})
    assert report.mean_won_back == pytest.approx(19 / 30)
    lines = summary_table(report).splitlines()
    assert lines[3].endswith('won back |') and max(map(len, lines)) < 80
    cells = {line.split('|')[1].strip(): line for line in lines if '|' in line}
    assert cells['depth'].endswith('|     0.75 |')
    assert cells['rgb+depth'].endswith('|          |')
    assert cells['mean of 2 incomplete'].endswith('|     0.63 |')
    assert cells['worst (rgb)'].endswith('|     0.40 |')
    rows = list(csv.DictReader(csv_table(report).splitlines()))
    assert [row['won_back'] for row in rows] == ['', '0.4000', '0.7500']
    summary = json.loads(report.to_json())['summary']
    assert summary['won_back'] == report.won_back
    assert summary['mean_won_back'] == report.mean_won_back
    assert Report.from_json(report.to_json()) == report


def test_a_report_without_a_base_is_as_it_was():
    report = make_report()
    assert report.won_back == {} and report.mean_won_back is None
    assert 'base' not in json.loads(report.to_json())
    assert 'won' not in report.to_json() + csv_table(report)
    assert 'won' not in summary_table(report)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'rule': 'cmnext'}, "in rule: 'mmseg' and 'cmnext'"),
        ({'split': 'val'}, "in split: 'test' and 'val'"),
        ({'combinations': scored({'rgb': 1.0})}, r'no mIoU of depth, rgb\+d'),
    ],
)
def test_a_base_that_was_scored_otherwise(changes, words):
    with pytest.raises(ValueError, match=words):
        with_base(**changes)


def test_a_base_that_lost_nothing():
    same = replace(make_report(), combinations=scored(dict.fromkeys(BASE, 5)))
    report = same.against(same)
    assert report.won_back == {} and report.mean_won_back is None
    assert 'won back' in summary_table(report)


def test_reading_a_report(tmp_path):
    write_report(make_report(), tmp_path)
    for path in (tmp_path, tmp_path / 'report.json'):
        assert Report.read(path) == make_report()
    with pytest.raises(FileNotFoundError, match=r'no report .*--out DIR'):
        Report.read(tmp_path / 'none')
