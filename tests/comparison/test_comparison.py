"""Methods side by side: worked by hand, and what is refused."""

import json
from dataclasses import replace

import pytest

from mmseg_missing.comparison import (
    compare,
    comparison_table,
    find_base,
    find_dedicated,
    find_runs,
    write_comparison,
)
from mmseg_missing.comparison.render import comparison_markdown, tradeoff_chart
from mmseg_missing.evaluation import CombinationScores, Cost, Report

FULL = 'rgb+depth'
BASE = {FULL: 80.0, 'rgb': 40.0, 'depth': 20.0}
SEEDS = (
    {FULL: 80.0, 'rgb': 55.0, 'depth': 44.0},
    {FULL: 80.0, 'rgb': 57.0, 'depth': 48.0},
)
DEDICATED = {'rgb': 60.0, 'depth': 50.0}
COST = Cost(
    config='ssf',
    seed=0,
    modalities=('rgb', 'depth'),
    trained_parameters=20,
    total_parameters=1020,
    added_parameters=10,
    stored_parameters=20,
    iterations=5,
    seconds=100.0,
    seconds_per_iteration=20.0,
    memory_mib=500.0,
    memory_measured_by='a look',
    device='cpu',
    threads=1,
    sampler='RoundRobinSampler',
    samples_seen={'rgb': 5, 'depth': 5},
)


def make_report(miou, classes=('wall', 'floor'), **changes):
    fields = {
        'modalities': ('rgb', 'depth'),
        'rule': 'mmseg',
        'fill': 'zero',
        'split': 'test',
        'missing_rates': (0.2, 0.1),
        'combinations': tuple(
            CombinationScores(
                name=name,
                images=7,
                miou={'mmseg': value, 'cmnext': value},
                macc={'mmseg': value, 'cmnext': value},
                aacc=value,
                class_iou=(value,) * len(classes),
            )
            for name, value in miou.items()
        ),
    }
    return Report(classes=classes, **{**fields, **changes})


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a finished work folder."""

    def write(name, miou, cost=None, inside='test', **changes):
        folder = tmp_path / name
        (folder / inside).mkdir(parents=True, exist_ok=True)
        report = make_report(miou, **changes)
        (folder / inside / 'report.json').write_text(report.to_json())
        if cost is not None:
            (folder / 'cost.json').write_text(cost.to_json())
        return folder

    return write


@pytest.fixture
def write_dedicated(write):
    """Return a function that writes networks for one combination each."""

    def write_dedicated(name, miou, cost=None):
        for names, value in miou.items():
            known = tuple(names.split('+'))
            folder = write(
                f'{name}/{names}', {names: value}, cost, modalities=known
            )
        return folder.parent

    return write_dedicated


@pytest.fixture
def example(write, write_dedicated):
    """Base, two seeds and dedicated networks, read back from disk."""
    whole = replace(
        COST,
        added_parameters=0,
        stored_parameters=0,
        total_parameters=900,
        memory_mib=600.0,
    )
    seeds = [
        write(f'ssf-seed{k}', miou, replace(COST, seconds=100.0 + 20 * k))
        for k, miou in enumerate(SEEDS)
    ]
    return compare(
        find_runs(seeds),
        find_base(write('network', BASE)),
        find_dedicated([write_dedicated('own', DEDICATED, whole)]),
    )


def test_two_seeds_by_hand(example):
    (method,) = example.methods
    assert (method.name, method.seeds) == ('ssf', (0, 1))
    # Means 179 / 3 and 185 / 3; their sample standard deviation is 2 / 2**.5.
    assert method.mean.mean == pytest.approx(182 / 3)
    assert method.mean.spread == pytest.approx(2**0.5)
    assert method.mean_missing.values == (49.5, 52.5)
    assert method.mean_missing.spread == pytest.approx(3 / 2**0.5)
    assert method.worst.values == (44.0, 48.0)
    # (0.81 * 80 + 0.09 * 55 + 0.09 * 44) / 0.99 and its sibling.
    assert method.expected.values == pytest.approx(
        (73.71 / 0.99, 74.25 / 0.99)
    )
    # Won: 15 + 24 and 17 + 28 of the 20 + 30 points.
    assert method.recovered.values == pytest.approx((39 / 50, 45 / 50))
    assert method.miou['rgb'].mean == 56.0
    assert list(method.miou) == [FULL, 'rgb', 'depth']


CAMERA = {
    'modalities': ('rgb', 'aolp', 'nir'),
    'sensors': ('camera', 'camera', 'nir'),
}
WHOLE = {'rgb+aolp+nir': 60.0, 'rgb+aolp': 40.0, 'nir': 20.0}


def test_sensors_fail_together(write):
    base = write('network', WHOLE, **CAMERA)
    better = write('ssf', {**WHOLE, 'nir': 32.0}, **CAMERA)
    # An own network knows one modality, whose sensor is its own.
    own = write('own/nir', {'nir': 40.0}, modalities=('nir',))
    found = compare(
        find_runs([better]), find_base(base), find_dedicated([own])
    )
    (method,) = found.methods
    assert list(method.miou) == list(WHOLE)
    assert method.mean_missing.values == (36.0,)
    assert method.recovered.values == (0.6,)
    # Two sensors: both 0.81, each alone 0.09, none 0.01.
    expected = (0.81 * 60 + 0.09 * 40 + 0.09 * 32) / 0.99
    assert method.expected.values == pytest.approx((expected,))
    assert '2 of them missing something (whole sensors)' in found.settings
    assert json.loads(found.to_json())['sensors'] == [
        'camera',
        'camera',
        'nir',
    ]


def test_all_subsets_of_sensors(write):
    names = [*WHOLE, 'rgb+nir', 'aolp+nir', 'rgb', 'aolp']
    everything = {**dict.fromkeys(names, 7.0), 'nir': 0.0}
    found = compare(find_runs([write('ssf', everything, **CAMERA)]))
    weight = 0.9 * 0.1**2 / (1 - 0.1**3)  # of nir alone, of three
    (method,) = found.methods
    assert method.expected.mean == pytest.approx(7 * (1 - weight))
    assert found.combinations[-3:] == ('rgb', 'aolp', 'nir')
    assert '(all subsets)' in found.settings


def test_sensors_that_differ(write):
    runs = [
        write('one', {'rgb+aolp+nir': 60.0}, **CAMERA),
        write('two', {'rgb+aolp+nir': 60.0}, modalities=CAMERA['modalities']),
    ]
    with pytest.raises(ValueError, match=r"by sensor .*'rgb\+aolp'"):
        compare(find_runs(runs))


def test_costs_by_hand(example):
    (method,) = example.methods
    assert (method.added.mean, method.stored.mean) == (10, 20)
    assert method.added_percent.mean == pytest.approx(1.0)
    assert method.seconds.mean == 110.0
    assert method.memory_mib.mean == 500.0


def test_the_base_and_the_dedicated_networks_are_rows(example):
    base, own = example.base, example.dedicated
    assert base.mean.mean == pytest.approx(140 / 3)
    assert base.added.mean == base.recovered.mean == 0
    assert base.seconds is None
    assert own.miou[FULL].mean == 80.0  # nothing is missing: the base
    assert own.recovered.mean == pytest.approx(1)
    assert (own.added.mean, own.added_percent.mean) == (900, 90)
    assert (own.stored.mean, own.seconds.mean) == (1800, 200)
    assert own.memory_mib.mean == 600


def test_one_seed_has_no_spread(write):
    comparison = compare(find_runs([write('ssf', SEEDS[0])]))
    (method,) = comparison.methods
    assert (method.seeds, method.mean.spread) == ((None,), None)
    assert method.recovered is None
    assert method.added is None
    assert '±' not in comparison_table(comparison)


def test_few_dedicated_networks(write, write_dedicated):
    """The fraction goes over what they are for; their means are unknown."""
    comparison = compare(
        find_runs([write('ssf', SEEDS[0])]),
        find_base(write('network', BASE)),
        find_dedicated([write_dedicated('own', {'depth': 50.0})]),
    )
    assert comparison.methods[0].recovered.mean == pytest.approx(24 / 30)
    assert comparison.dedicated.mean is None
    assert '1 of 2 combinations' in comparison.settings


def test_no_gap_no_fraction(write, write_dedicated):
    comparison = compare(
        find_runs([write('ssf', SEEDS[0])]),
        find_base(write('network', BASE)),
        find_dedicated([write_dedicated('own', {'rgb': 39.0, 'depth': 20.0})]),
    )
    assert comparison.methods[0].recovered is None
    assert 'are not better than the base' in comparison.settings


def test_seeds_of_dedicated_networks(write, write_dedicated):
    folders = [
        write_dedicated('own-seed0', {'rgb': 58.0, 'depth': 50.0}),
        write_dedicated('own-seed1', {'rgb': 62.0}),
    ]
    comparison = compare(
        find_runs([write('ssf', SEEDS[0])]),
        find_base(write('network', BASE)),
        find_dedicated(folders),
    )
    assert comparison.dedicated.seeds == (0, 1)
    assert comparison.dedicated.miou['rgb'].values == (58.0, 62.0)
    assert comparison.methods[0].recovered.mean == pytest.approx(39 / 50)


def test_dedicated_networks_that_were_scored_on_all(write):
    """Of such a report the network's own full combination counts."""
    modalities = ('rgb', 'depth')
    folder = write('own', {FULL: 70.0, 'rgb': 5.0}, modalities=modalities)
    (run,) = find_dedicated([folder])
    assert run.miou == {FULL: 70.0}


def test_trainings_apart_are_one_method(write):
    """Each was scored on all; what it was trained for counts."""
    folders = []
    for seed in (0, 1):
        for name, seconds in (('rgb', 30.0), ('depth', 50.0)):
            cost = replace(COST, samples_seen={name: 5}, seconds=seconds)
            folder = f'apart_{name}-seed{seed}'
            folders.append(write(folder, SEEDS[seed], cost))
    other = write('other', BASE, COST)
    comparison = compare(
        find_runs([*folders, other]), find_base(write('network', BASE))
    )
    method = {m.name: m for m in comparison.methods}['apart']
    assert method.seeds == (0, 1)
    assert method.mean_missing.values == (49.5, 52.5)
    assert (method.added.mean, method.stored.mean) == (10, 20)
    assert method.seconds.mean == 80


def test_trainings_apart_in_one_folder(write):
    for name in ('rgb', 'depth'):
        for seed in (0, 1):
            write(f'apart/{name}-seed{seed}', {name: SEEDS[seed][name]})
    runs = find_runs([write('apart/rgb-seed0', {'rgb': 55.0}).parent])
    assert [(run.name, run.seed) for run in runs] == [
        ('apart', 0),
        ('apart', 1),
    ]
    comparison = compare(runs, find_base(write('network', BASE)))
    assert comparison.methods[0].miou['depth'].values == (44.0, 48.0)


@pytest.mark.parametrize('inside', ['', 'test', 'one/deep'])
def test_places_of_a_report(write, inside):
    folder = write('ssf-seed3', SEEDS[0], COST, inside)
    for given in {folder, folder / 'test'} if inside == 'test' else {folder}:
        (run,) = find_runs([given])
        assert (run.name, run.seed) == ('ssf', 3)
        assert run.seconds == 100.0


def test_names_by_pattern(write):
    folders = [write(f'cmnext-{n}_scenes-seed1', BASE) for n in ('a', 'b')]
    runs = find_runs(folders, r'-(\w)_')
    assert [(run.name, run.seed) for run in runs] == [('a', 1), ('b', 1)]
    assert find_runs(folders[:1], 'cm..')[0].name == 'cmne'


def test_files_and_tables(example, tmp_path):
    write_comparison(example, tmp_path / 'out', 'mmseg-missing compare ssf')
    texts = {
        name: (tmp_path / 'out' / name).read_text()
        for name in ('comparison.json', 'comparison.md')
    }
    found = json.loads(texts['comparison.json'])
    assert [m['name'] for m in found['methods']] == [
        'base',
        'ssf',
        'dedicated',
    ]
    assert found['methods'][1]['worst'] == {
        'mean': 46.0,
        'std': pytest.approx(8**0.5),
        'min': 44.0,
        'max': 48.0,
        'values': [44.0, 48.0],
    }
    page = texts['comparison.md']
    assert '| ssf | 2 | 60.67 ± 1.41 | 51.00 ± 2.12 | 46.00 ± 2.83 |' in page
    assert '| rgb | 40.00 | 56.00 ± 1.41 | 60.00 |' in page
    assert 'mmseg-missing compare ssf' in page
    for text in ("rule 'mmseg'", 'fill zero', 'split test', '7 images'):
        assert text in page and text in comparison_table(example)
    image = (tmp_path / 'out' / 'comparison.png').read_bytes()
    assert image.startswith(b'\x89PNG')


def test_what_was_won_back(example):
    (method,) = example.methods
    # Lost: 40 with RGB alone, 60 with depth alone; won: 15 + 24, 17 + 28.
    assert method.won_back.values == pytest.approx((0.39, 0.45))
    assert method.shares['rgb'].values == pytest.approx((15 / 40, 17 / 40))
    assert method.shares['depth'].values == pytest.approx((24 / 60, 28 / 60))
    assert example.base.won_back.mean == 0
    assert example.dedicated.won_back.mean == pytest.approx(0.5)
    assert 'won back: share of what' in example.settings
    found = json.loads(example.to_json())['methods'][1]
    assert found['won_back']['values'] == pytest.approx([0.39, 0.45])
    assert found['shares']['rgb']['mean'] == pytest.approx(0.4)
    assert '| rgb | 0.400 ± 0.035 | 0.500 |' in comparison_markdown(
        example, ''
    )


def test_won_back_needs_no_dedicated_networks_but_a_base(write):
    seeds = find_runs([write('ssf', SEEDS[0])])
    base = find_base(write('network', BASE))
    (method,) = compare(seeds, base).methods
    assert method.won_back.mean == pytest.approx(0.39)
    assert method.recovered is None
    alone = compare(seeds)
    assert alone.methods[0].won_back is None
    assert alone.methods[0].shares == {}
    assert (
        '| won back |' not in comparison_markdown(alone, '').split('\n\n')[2]
    )
    lost_nothing = write('same', dict.fromkeys(BASE, 50.0))
    (method,) = compare(seeds, find_base(lost_nothing)).methods
    assert method.won_back is None and method.shares == {}


def test_the_worst_and_where_more_is_worse(write):
    """Seed by seed for the count, by means for the names."""
    seeds = (
        {FULL: 80.0, 'rgb': 84.0, 'depth': 83.0},
        {FULL: 80.0, 'rgb': 78.0, 'depth': 85.0},
    )
    folders = [write(f'ssf-seed{k}', miou) for k, miou in enumerate(seeds)]
    found = compare(find_runs([*folders, write('other', BASE)]))
    ssf, other = found.methods
    assert found.pairs == 2 and ssf.worse_pairs.values == (2, 1)
    assert ssf.worst_pair == (FULL, 'depth', 4.0)
    assert (ssf.worst_name, other.worst_name) == (FULL, 'depth')
    assert other.worse_pairs.mean == 0 and other.worst_pair is None
    page = comparison_markdown(found, '')
    assert (
        '| method | worst combination | more is worse (of 2 pairs) |' in page
    )
    assert '| other | depth | 0 | - |' in page
    assert f'| ssf | {FULL} | 1.5 ± 0.707 | {FULL} 4.00 below depth |' in page
    pair = json.loads(found.to_json())['methods'][0]['worst_pair']
    assert pair == {'larger': FULL, 'smaller': 'depth', 'loss': 4.0}


def test_reports_that_know_their_base(write):
    """They are read, and compared with the base that is given."""
    known = write('ssf', SEEDS[0], base=BASE)
    found = compare(find_runs([known]), find_base(write('network', BASE)))
    assert found.methods[0].won_back.mean == pytest.approx(0.39)


def test_fills_that_differ_are_named(write):
    folders = [write('a', BASE), write('b', BASE, fill='black')]
    settings = compare(find_runs(folders)).settings
    assert 'fill zero (a), black (b)' in settings


def test_chart(example, write):
    axes = tradeoff_chart(example).axes[0]
    (bars,) = axes.containers
    assert bars.lines[0].get_xydata().tolist() == [[10.0, 51.0]]
    levels = {line.get_label(): line.get_ydata()[0] for line in axes.lines}
    assert levels['base'] == 30.0
    assert levels['dedicated'] == 55.0
    assert axes.get_xscale() == 'log'
    axes.figure.canvas.draw()
    assert [t.get_text() for t in axes.get_xticklabels() if t.get_text()]


def test_chart_of_what_adds_nothing(write):
    free = replace(COST, added_parameters=0)
    large = replace(COST, added_parameters=20_000)
    folders = [write('a', BASE, large), write('b', BASE, free)]
    axes = tradeoff_chart(compare(find_runs(folders))).axes[0]
    assert axes.get_xscale() == 'symlog'
    axes.figure.canvas.draw()
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert {'0', '20k'} <= set(labels)
    unknown = compare(find_runs([write('c', BASE)]))
    assert 'not known' in tradeoff_chart(unknown).axes[0].get_xlabel()


DIFFERENCES = {
    'rule': ({'rule': 'cmnext'}, "rule 'cmnext' and 'mmseg'"),
    'split': ({'split': 'val'}, "split 'val' and 'test'"),
    'classes': ({'classes': ('wall', 'cat')}, "classes 'cat' and 'floor'"),
    'more classes': ({'classes': ('a', 'b', 'c')}, 'classes 3 and 2'),
    'modalities': (
        {'modalities': ('depth', 'rgb')},
        "modalities ('depth', 'rgb')",
    ),
}


@pytest.mark.parametrize('case', DIFFERENCES)
def test_reports_that_were_not_measured_alike(write, case):
    changes, words = DIFFERENCES[case]
    folders = [write('a', BASE), write('b', BASE, **changes)]
    with pytest.raises(ValueError, match='cannot be compared') as error:
        compare(find_runs(folders))
    assert words in str(error.value)


def test_other_images(write):
    report = make_report(BASE)
    fewer = tuple(replace(c, images=3) for c in report.combinations)
    folders = [write('a', BASE), write('b', BASE, combinations=fewer)]
    with pytest.raises(ValueError, match=r'images of rgb\+depth 3 and 7'):
        compare(find_runs(folders))


def test_other_combinations(write):
    folders = [write('a', BASE), write('b', {'rgb': 1.0})]
    with pytest.raises(ValueError, match=r"'b' has no mIoU of rgb\+depth, d"):
        compare(find_runs(folders))


def test_trainings_apart_without_a_base(write):
    for name in DEDICATED:
        folder = write(f'apart/{name}', {name: 50.0}).parent
    with pytest.raises(ValueError, match=r'no mIoU of rgb\+depth.*--base'):
        compare(find_runs([folder, write('a', BASE)]))


def test_the_full_network_is_not_dedicated(write):
    with pytest.raises(ValueError, match=r'knows all of rgb\+depth'):
        compare(
            find_runs([write('a', BASE)]),
            find_base(write('network', BASE)),
            find_dedicated([write('own', BASE)]),
        )


def test_a_dedicated_network_that_was_not_scored_on_its_own(write):
    folder = write('own', {'rgb': 1.0})
    with pytest.raises(ValueError, match=r'no mIoU of rgb\+depth.*present'):
        find_dedicated([folder])


def test_one_combination_twice(write):
    folders = [write(n, {'rgb': 1.0}, modalities=('rgb',)) for n in 'ab']
    with pytest.raises(ValueError, match=r'both for rgb.*-seed<number>'):
        find_dedicated(folders)


def test_one_seed_twice(write):
    folders = [write('x/ssf-seed0', BASE), write('y/ssf-seed0', BASE)]
    with pytest.raises(ValueError, match=r"are both 'ssf'.*-seed<number>"):
        compare(find_runs(folders))


def test_names_that_are_taken(write):
    with pytest.raises(ValueError, match="called 'base'"):
        compare(find_runs([write('base', BASE)]))


def test_several_reports(write):
    folder = write('ssf', BASE, inside='a')
    write('ssf', BASE, inside='b')
    with pytest.raises(ValueError, match=r"'.*ssf' holds 2 reports.*/a'"):
        find_runs([folder])


def test_base_of_several(write):
    for name in DEDICATED:
        folder = write(f'apart/{name}', {name: 50.0}).parent
    with pytest.raises(ValueError, match='holds several reports'):
        find_base(folder)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='no work folder'):
        find_runs([tmp_path / 'nowhere'])
    with pytest.raises(
        FileNotFoundError, match=r'mmseg-missing test .* --out'
    ):
        find_runs([tmp_path])


@pytest.mark.parametrize('name', ['cost.json', 'test/report.json'])
def test_files_of_something_else(write, name):
    folder = write('ssf', BASE, COST)
    (folder / name).write_text('{}')
    with pytest.raises(ValueError, match=r"ssf/test': expected a \w+\.json"):
        find_runs([folder])


def test_pattern_that_finds_nothing(write):
    with pytest.raises(ValueError, match='--name-pattern'):
        find_runs([write('ssf', BASE)], 'lora')
