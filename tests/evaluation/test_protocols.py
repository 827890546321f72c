import pytest

from mmseg_missing.evaluation.failures import Faulty, parse_failure
from mmseg_missing.evaluation.protocols import EMM, PROTOCOLS, Protocol


def test_rates_and_levels_as_published():
    parsed = [Protocol.parse(name, ['rgb']) for name in PROTOCOLS]
    emm, rmm, blocks, nm, _ = [list(map(str, p.failures)) for p in parsed]
    assert emm == [''] and parsed[0] == EMM
    assert rmm == ['RMM 0.75', 'RMM 0.5', 'RMM 0.25']
    assert blocks == ['RMM-blocks 0.75', 'RMM-blocks 0.5', 'RMM-blocks 0.25']
    assert list(map(parse_failure, blocks)) == list(parsed[2].failures)
    assert nm == ['', 'NM low', 'NM mid', 'NM high']
    ways = ['every', 'every', 'every', 'full', 'full']
    assert [p.present for p in parsed] == ways


def test_every_fault_on_every_modality():
    states = Protocol.parse('faults', ['rgb', 'depth']).failures
    assert len(states) == 1 + 11 * 2 * 5 == len(set(map(str, states)))
    few = Protocol.parse('faults', ['rgb'], ['fog'], [2, 4]).failures
    assert list(map(str, few[1:])) == [
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
        Protocol.parse(*arguments)


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
    step = {'fault': 'fog', 'modality': 'rgb', 'severity': 2}
    spoilt = Faulty(**step).spoil_loader(loader)
    pipeline = spoilt['dataset']['pipeline']
    assert pipeline.index({'type': 'CorruptModality', **step}) == place
    assert len(loader['dataset']['pipeline']) == len(steps)


def test_faults_enter_every_part():
    loading = [{'type': 'LoadModalities'}]  # one list, as configs share them
    parts = [
        {'type': 'A', 'pipeline': loading},
        {'dataset': {'type': 'B', 'pipeline': loading}},
    ]
    fault = Faulty('fog', 'rgb', 2)
    spoilt = fault.spoil_loader({'dataset': {'datasets': parts}})
    first, second = spoilt['dataset']['datasets']
    assert first['pipeline'] == second['dataset']['pipeline']
    assert first['pipeline'][1] == {'type': 'CorruptModality', **vars(fault)}
    assert len(first['pipeline']) == 2 and len(parts[0]['pipeline']) == 1


@pytest.mark.parametrize(
    'dataset',
    [
        {'datasets': []},
        {'datasets': [{'type': 'A', 'pipeline': [{'type': 'B'}]}, {}]},
    ],
)
def test_no_pipeline(dataset):
    with pytest.raises(ValueError, match=r'`pipeline`.* has none'):
        Faulty('fog', 'rgb', 2).spoil_loader({'dataset': dataset})
