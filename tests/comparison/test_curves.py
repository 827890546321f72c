"""Curves over the rate of absence in training: by hand, and refused."""

import itertools

import cv2
import pytest

from mmseg_missing.cli.compare import main
from mmseg_missing.comparison import (
    absence_curves,
    compare,
    find_runs,
    leaders,
)
from mmseg_missing.evaluation import CombinationScores, Report
from mmseg_missing.visualization import line_chart

# Means over RGB and depth; adapters lead at first, completion at last.
SCORES = {
    'ssf-absence0-seed0': (50, 40),
    'ssf-absence0-seed1': (52, 42),
    'ssf_absence0.6': (30, 20),
    'completion-absence0': (44, 40),
    'completion-absence0.6': (40, 36),
    'completion-absence0.9': (30, 30),
    'full-data': (60, 60),
}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a finished work folder."""

    def write(name, rgb, depth):
        scores = {'rgb+depth': 80.0, 'rgb': rgb, 'depth': depth}
        report = Report(
            classes=('wall',),
            modalities=('rgb', 'depth'),
            rule='mmseg',
            fill='zero',
            split='test',
            missing_rates=(0.1,),
            combinations=tuple(
                CombinationScores(
                    name=combination,
                    images=7,
                    miou=dict.fromkeys(('mmseg', 'cmnext'), float(value)),
                    macc=dict.fromkeys(('mmseg', 'cmnext'), float(value)),
                    aacc=float(value),
                    class_iou=(float(value),),
                )
                for combination, value in scores.items()
            ),
        )
        (tmp_path / name / 'test').mkdir(parents=True)
        path = tmp_path / name / 'test/report.json'
        path.write_text(report.to_json())
        return tmp_path / name

    return write


@pytest.fixture
def folders(write):
    return [write(name, *scores) for name, scores in SCORES.items()]


def test_curves_and_who_leads(folders):
    curves = absence_curves(compare(find_runs(folders)))
    means = {
        name: {rate: stat.mean for rate, stat in points.items()}
        for name, points in curves.items()
    }
    assert means == {
        'ssf': {0.0: 46.0, 0.6: 25.0},
        'completion': {0.0: 42.0, 0.6: 38.0, 0.9: 30.0},
    }
    assert curves['ssf'][0.0].spread == pytest.approx(2**0.5)
    assert leaders(curves)[1:] == [
        ['0', 'ssf', '46.00', '4.00 (completion)'],
        ['0.6', 'completion', '38.00', '13.00 (ssf)'],
        ['0.9', 'completion', '30.00', '-'],
    ]


def test_the_command_draws_them(folders, tmp_path, capsys):
    out = tmp_path / 'out'
    main([*map(str, folders), '--curve', '--out', str(out)])
    said = capsys.readouterr().out
    assert '13.00 (ssf)' in said and 'curve.png' in said
    picture = cv2.imread(str(out / 'curve.png'))
    assert picture is not None and picture.std() > 0


@pytest.mark.parametrize(
    ('name', 'words'),
    [('full-data', 'absence<rate>'), ('ssf-absence1.5', '`absence`')],
)
def test_wrong_names(write, tmp_path, name, words):
    folder = write(name, 1, 2)
    out = tmp_path / 'out'
    with pytest.raises((ValueError, SystemExit)) as error:
        absence_curves(compare(find_runs([folder])))
    assert words in str(error.value)
    assert not out.exists()


def test_lines_differ_without_colours():
    series = {str(i): {0: (i, None), 1: (i + 1, 0.5)} for i in range(12)}
    figure = line_chart(series, 'title', 'note', 'below', 'beside')
    lines = [bars.lines[0] for bars in figure.axes[0].containers]
    looks = {(line.get_marker(), line.get_linestyle()) for line in lines}
    assert len(looks) == len(series) == len(lines)
    for one, other in itertools.pairwise(lines):
        assert one.get_marker() != other.get_marker()
