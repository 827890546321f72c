import pytest

from mmseg_missing.evaluation.protocols import conditions, with_fault


def test_rates_and_levels_of_the_benchmark():
    rmm, nm = (conditions(name, ['rgb']) for name in ('RMM', 'NM'))
    assert [c.failure for c in rmm] == ['RMM 0.75', 'RMM 0.5', 'RMM 0.25']
    assert [c.failure for c in nm] == [None, 'NM low', 'NM mid', 'NM high']


def test_every_fault_on_every_modality():
    states = conditions('faults', ['rgb', 'depth'])
    assert len(states) == 1 + 9 * 2 * 5 == len({s.name for s in states})
    few = conditions('faults', ['rgb'], ['fog'], [2, 4])
    assert [s.name for s in few[1:]] == [
        'fog on rgb, severity 2',
        'fog on rgb, severity 4',
    ]


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (('XYZ', ['rgb']), "'XYZ'"),
        (('faults', ['rgb'], ['snow']), "'snow'"),
        (('faults', ['rgb'], ['fog'], [6]), 'got 6'),
    ],
)
def test_unknown(arguments, said):
    with pytest.raises(ValueError, match=said):
        conditions(*arguments)


@pytest.mark.parametrize(
    ('steps', 'place'),
    [
        (['LoadModalities', 'LoadLabel', 'PackModalities'], 1),
        (['mmseg.LoadModalities', 'PackModalities'], 1),
        (['PackModalities'], 0),
    ],
)
def test_faults_come_right_after_loading(steps, place):
    loader = {'dataset': {'pipeline': [{'type': name} for name in steps]}}
    fault = {'type': 'CorruptModality'}
    pipeline = with_fault(loader, fault)['dataset']['pipeline']
    assert pipeline.index(fault) == place
    assert len(loader['dataset']['pipeline']) == len(steps)


def test_faults_enter_every_part():
    parts = [
        {'type': 'A', 'pipeline': [{'type': 'LoadModalities'}]},
        {'dataset': {'type': 'B', 'pipeline': [{'type': 'LoadModalities'}]}},
    ]
    fault = {'type': 'CorruptModality'}
    spoilt = with_fault({'dataset': {'datasets': parts}}, fault)
    first, second = spoilt['dataset']['datasets']
    assert first['pipeline'][1] == second['dataset']['pipeline'][1] == fault
    assert len(parts[0]['pipeline']) == 1


@pytest.mark.parametrize(
    'dataset',
    [
        {'datasets': []},
        {'datasets': [{'type': 'A', 'pipeline': [{'type': 'B'}]}, {}]},
    ],
)
def test_no_pipeline(dataset):
    with pytest.raises(ValueError, match=r'`pipeline`.* has none'):
        with_fault({'dataset': dataset}, {})
