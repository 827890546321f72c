"""The page: complete, safe, the same every time, and for everybody."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from mmseg_missing.evaluation import write_report
from mmseg_missing.reporting import collect, page_of, write_page
from mmseg_missing.reporting.tables import colour

from .conftest import (
    analysis_of,
    cost_of,
    pictures_of,
    report_of,
    scalars_of,
)

SECTIONS = {
    'what': 'What was run',
    'combinations': 'Scores of every combination',
    'classes': 'Classes and combinations',
    'training': 'Training',
    'pictures': 'Largest repairs, and what is left',
    'calibration': 'Calibration',
    'sensors-1': 'What each sensor is worth, and where to adapt',
    'made': 'Commands and versions',
    'lacking': 'Not in this report',
}


@pytest.fixture
def whole(repair, tmp_path):
    """A repair with everything, and a dedicated network."""
    folder = repair()
    scalars_of(
        folder / 'train',
        {'loss/rgb': 1.5, 'loss/depth': 2.0, 'step': 10},
        {'loss/rgb': 1.0, 'mIoU/rgb': 40.0, 'step': 20},
    )
    pictures_of(folder / 'after')
    analysis_of(folder / 'analysis')
    alone = tmp_path / 'alone'
    write_report(report_of((8,), modalities=('depth',)), alone / 'test')
    cost_of(alone, modalities=('depth',))
    return [folder, alone]


def found_sections(read_page):
    return [a['id'] for tag, a in read_page.tags if tag == 'section']


def test_every_section_appears(whole, read):
    shown = read(page_of(collect(whole)))
    lacking = [name for name in SECTIONS if name != 'lacking']
    assert found_sections(shown) == [*lacking, 'lacking']
    titles = [words for level, words in shown.headings if level == 'h2']
    assert titles == list(SECTIONS.values())
    said = ' '.join(shown.words)
    for words in ('epoch_1.pth', 'adapter.x', 'before', 'dedicated', '1,050'):
        assert words in said
    # rgb, before: 5 of 10 right, IoU 5 / 15; after: 7 / 13.
    assert '33.33' in said and '53.85' in said and '▲ +20.51' in said
    # (7 / 10 - 0.65) and (5 / 10 - 0.65)
    assert '5.00' in said and '15.00' in said
    assert 'sensors: points' not in said and '+30.00' in said
    assert 'takes several runs' in said


def test_the_axis_says_what_validations_are_counted_in(repair):
    folder = repair()
    scalars_of(
        folder / 'train',
        {'loss': 1.0, 'epoch': 1, 'iter': 70, 'step': 70},
        {'mIoU/rgb': 40.0, 'step': 1},
    )
    text = page_of(collect([folder]))
    assert '>epochs</text>' in text and '>training steps</text>' not in text


@pytest.mark.parametrize(
    ('name', 'command'),
    [
        ('training', 'or train --pictures 4'),
        ('pictures', 'mmseg-missing repair, or test --adapter'),
        ('calibration', 'mmseg-missing test CONFIG CHECKPOINT --out'),
        ('sensors-1', 'mmseg-missing analyze CONFIG CHECKPOINT --out'),
    ],
)
def test_what_is_not_there_is_named_with_its_command(
    whole, read, name, command
):
    folder, alone = whole
    if name == 'training':
        [path] = folder.rglob('scalars.json')
        path.unlink()
    elif name == 'pictures':
        (folder / 'after/pictures/pictures.json').unlink()
    elif name == 'sensors-1':
        (folder / 'analysis/analysis.json').unlink()
    else:
        for path in (*folder.rglob('report.json'), alone / 'test/report.json'):
            fields = json.loads(path.read_text())
            for scores in fields['combinations']:
                del scores['calibration']
            path.write_text(json.dumps(fields))
    shown = read(page_of(collect(whole)))
    expected = [section for section in SECTIONS if section != name]
    assert found_sections(shown) == expected
    sentences = [words for words in shown.words if command in words]
    assert len(sentences) == 1 and sentences[0].endswith('.')


def test_dedicated_and_before_may_lack(tmp_path, read):
    write_report(report_of((9, 7, 6)), tmp_path / 'net' / 'test')
    shown = read(page_of(collect([tmp_path / 'net'])))
    said = ' '.join(shown.words)
    assert 'Dedicated networks: mmseg-missing train' in said
    assert 'Scores before adaptation: mmseg-missing test' in said
    assert 'before' not in shown.words and 'dedicated' not in shown.words


def test_several_runs_are_compared(repair, read, tmp_path):
    folders = [repair('ssf'), repair('lora', right=(9, 8, 8))]
    shown = read(page_of(collect(folders)))
    titles = [words for level, words in shown.headings if level == 'h2']
    assert titles[:3] == ['Runs side by side', 'Run ssf', 'Run lora']
    captions = [a['aria-label'] for tag, a in shown.tags if tag == 'svg']
    assert 'Accuracy against the numbers added for one combination' in captions
    assert 'takes several runs' not in ' '.join(shown.words)


def test_names_that_differ_in_signs_alone(repair, read):
    text = page_of(collect([repair('a b'), repair('a-b', right=(9, 8, 8))]))
    ids = [a['id'] for _, a in read(text).tags if 'id' in a]
    assert len(ids) == len(set(ids))


def test_a_run_that_was_scored_with_every_sensor_alone(tmp_path):
    folder = tmp_path / 'net'
    for part, right in {'before': 8, 'after': 9}.items():
        report = report_of((right, 5, 5))
        alone = replace(report, combinations=report.combinations[:1])
        write_report(alone, folder / part)
    assert 'Where something is missing' not in page_of(collect([folder]))


def test_names_from_files_are_text(whole, read):
    text = page_of(collect(whole))
    assert '<b>' not in text and 'street<1>' not in text
    shown = read(text)
    assert '<b>floor</b>' in shown.words
    assert any('street<1>' in words for words in shown.words)
    assert not [tag for tag, _ in shown.tags if tag in ('b', 'script')]


def test_scripts_in_names_are_text_in_charts_too(repair, read):
    name = '<script>alert(1)<&"$x$'
    classes = (name, 'floor')
    text = page_of(collect([repair('a"><script>', classes=classes)]))
    text += page_of(
        collect([repair(n, right=(9, 6, 6)) for n in ('$x', '<i>')])
    )
    shown = read(text.replace('<!DOCTYPE html>', ''))
    assert '<script' not in text and '<i>' not in text
    assert name in shown.words


def test_nothing_lies_elsewhere(whole, read):
    text = page_of(collect(whole))
    assert not re.search(r'https?:|url\((?!#)|@import', text.lower())
    for tag, attributes in read(text).tags:
        assert tag not in ('script', 'link', 'iframe', 'object')
        source = attributes.get('src', 'data:image/png;base64,')
        assert source.startswith('data:image/png;base64,')
        assert attributes.get('href', '#').startswith('#')


def test_the_same_files_give_the_same_page(whole):
    assert page_of(collect(whole)) == page_of(collect(whole))


def test_everybody_can_read_it(whole, read):
    text = page_of(collect(whole))
    shown = read(text)
    tags = dict(shown.tags)
    assert tags['html']['lang'] == 'en'
    metas = [a for tag, a in shown.tags if tag == 'meta']
    assert any(a.get('name') == 'viewport' for a in metas)
    levels = [int(level[1]) for level, _ in shown.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    steps = pairwise(levels)
    assert all(after - before <= 1 for before, after in steps)
    for tag, attributes in shown.tags:
        if tag == 'img':
            assert len(attributes['alt']) > 10
        if tag == 'svg':
            assert attributes['role'] == 'img' and attributes['aria-label']
        if tag == 'th':
            assert attributes['scope'] in ('row', 'col')
    ids = [a['id'] for _, a in shown.tags if 'id' in a]
    assert len(ids) == len(set(ids))
    links = [a['href'][1:] for tag, a in shown.tags if tag == 'a']
    assert links and set(links) <= set(ids)
    used = re.findall(r'(?:url\(|href=")#([^")]+)', text)
    assert set(used) <= set(ids)


def test_charts_take_the_colours_of_the_page(whole):
    text = page_of(collect(whole))
    assert 'prefers-color-scheme: dark' in text
    charts = re.findall(r'<svg.*?</svg>', text, flags=re.DOTALL)
    assert len(charts) == 7
    for chart in charts:
        assert 'var(--ink)' in chart
        assert '#222222' not in chart and '#000000' not in chart


def test_no_tick_of_a_chart_is_a_formula(whole):
    text = page_of(collect(whole))
    assert '>score<' in text and 'mathdefault' not in text


def test_what_is_read_aloud_does_not_widen_the_page(whole, read):
    """Words out of sight scroll with their table, not with the page."""
    text = page_of(collect(whole))
    assert any(a.get('class') == 'spoken' for _, a in read(text).tags)
    [hidden] = re.findall(r'\.spoken \{(.*?)\}', text, flags=re.DOTALL)
    [box] = re.findall(r'\n\.box \{(.*?)\}', text, flags=re.DOTALL)
    assert 'position: absolute' in hidden and 'position: relative' in box


@pytest.mark.parametrize('percent', range(0, 101, 5))
def test_numbers_can_be_read_on_their_colour(percent):
    def luminance(text):
        parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [
            x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4
            for x in parts
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted(map(luminance, colour(percent)))
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2, AA


def test_the_file(whole, tmp_path):
    path = write_page(whole)
    assert path == whole[0] / 'report.html'
    other = write_page(whole, tmp_path / 'new' / 'page.html')
    assert other.read_text() == path.read_text()
    (tmp_path / 'folder').mkdir()
    with pytest.raises(OSError, match=r'cannot be written .*--out'):
        write_page(whole, tmp_path / 'folder')
    assert not list(tmp_path.rglob('*.part'))
    (tmp_path / 'file').write_text('')
    with pytest.raises(OSError, match=r'cannot be written .*--out'):
        write_page(whole, tmp_path / 'file' / 'page.html')
