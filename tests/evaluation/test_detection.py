"""What a monitor finds on faults, and the tables of it."""

import csv
import json
import time

import pytest
import torch
from mmengine.structures import PixelData
from torch import nn

from mmseg_missing.evaluation.detection import Detection, FaultScore, detect
from mmseg_missing.evaluation.policy_scores import overhead
from mmseg_missing.evaluation.protocols import Faulty
from mmseg_missing.modality import Stack
from mmseg_missing.monitoring import Verdict
from mmseg_missing.present import of_samples

STACK = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])


class Network(nn.Module):
    """Believes depth where it is there, else RGB."""

    stack, num_classes = STACK, 2
    calls = 0

    def data_preprocessor(self, batch, training):
        return {**batch, 'inputs': torch.stack(batch['inputs'])}

    def forward(self, inputs, samples, mode):
        present = of_samples([s.metainfo for s in samples], STACK)
        self.calls += len(inputs)
        for x, has, sample in zip(inputs, present, samples):
            seen = x[3:] if has[1] else x[:1]
            if not has[0]:
                seen = seen * 0
            sample.pred_sem_seg = PixelData(data=seen.long())
        return samples


class Monitor:
    """Knows the left of depth to be 0, and finds the first image odd."""

    def __call__(self, inputs, present):
        spoilt = inputs[:, 3, 0, 0] > 0
        states = torch.full((len(inputs), 2), 2)
        states[spoilt, 1] = 1
        flags = states < 2
        numbers = torch.zeros(flags.shape)
        return Verdict(STACK.names, states, numbers, numbers.long(), flags)


@pytest.fixture
def found():
    network = Network()
    loader = {
        'dataset': {'type': 'Halves', 'pipeline': [{'type': 'Pack'}]},
        'batch_size': 4,
    }
    failures = [Faulty('fog', 'depth', 2), Faulty('fog', 'depth', 4)]
    result = detect(network, Monitor(), loader, failures, 5)
    # Clean: all, and without each; spoilt: nothing is run twice.
    assert network.calls == 5 * (1 + 2) + 5 * 2
    return result


def test_detection(found):
    assert found.images == 5
    assert found.alarms == {'rgb': 0.0, 'depth': 0.0}
    assert found.trust == found.drop == 100
    assert found.without == {'rgb': 25.0, 'depth': 100.0}
    assert found.faults[0] == FaultScore('fog', 'depth', 2, 100, 100, 0, 100)


class Recovering(Network):
    """Turns depth that is said to be ill upside down."""

    recovers = True

    def forward(self, inputs, samples, mode):
        inputs = inputs.clone()
        for x, sample in zip(inputs, samples):
            if sample.metainfo.get('degraded', [0, 0])[1]:
                x[3] = 1 - x[3]
        return super().forward(inputs, samples, mode)


def test_recover_beside_the_others(tmp_path):
    loader = {
        'dataset': {'type': 'Halves', 'pipeline': [{'type': 'Pack'}]},
        'batch_size': 4,
    }
    faults = [Faulty('fog', 'depth', 2)]
    result = detect(Recovering(), Monitor(), loader, faults, 5)
    expected = FaultScore('fog', 'depth', 2, 100, 100, 0, 100, 100)
    assert result.faults == (expected,) and result.recover == 100
    assert result.mean('recover') == 100 and result.mean('trust', 2) == 0
    text = result.to_text()
    assert '100, 100; 0.0 / 100.0 / 100.0' in text
    assert 'recover' in text.split('mean mIoU')[1]
    result.write(tmp_path)
    content = json.loads((tmp_path / 'monitor.json').read_text())
    assert content['means'] == {'trust': 0, 'drop': 100, 'recover': 100}
    assert content['faults'][0]['break_even'] == 2


def test_overhead_is_a_share_of_a_forward():
    loader = {'dataset': {'type': 'Halves', 'pipeline': [{'type': 'Pack'}]}}

    class Slow(Network):
        def forward(self, *args, **kwargs):
            time.sleep(0.02)
            return super().forward(*args, **kwargs)

    class Half(Monitor):
        def __call__(self, inputs, present, is_quick):
            assert is_quick
            time.sleep(0.01)

    assert 30 < overhead(Slow(), Half(), loader) < 70


def score(severity, trust, modality='rgb'):
    return FaultScore('fog', modality, severity, 50.0, 25.0, trust, 60.0)


def table(*faults):
    return Detection(8, {'rgb': 1.0}, 80.0, 79.9, {'rgb': 50.0}, faults)


@pytest.mark.parametrize(
    ('trusts', 'severity'),
    [
        ((70, 60, 49), 5),
        ((70, 40, 30), 3),
        ((40, 60, 49), 5),  # worse at once, but not from there on
        ((70, 60, 50), None),
        ((40, 30, 20), 1),
    ],
)
def test_break_even(trusts, severity):
    rows = [score(*each) for each in zip((1, 3, 5), trusts)]
    assert table(*rows).break_even('fog', 'rgb') == severity


def test_files(found, tmp_path):
    found.write(tmp_path)
    content = json.loads((tmp_path / 'monitor.json').read_text())
    assert content['without'] == {'rgb': 25.0, 'depth': 100.0}
    with (tmp_path / 'monitor.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['severity'] for row in rows] == ['2', '4']
    assert rows[0]['break_even'] == '2' and rows[0]['trust'] == '0.0000'
    text = found.to_text()
    assert 'fog on depth' in text and '100, 100; 0.0 / 100.0' in text


def test_one_sensor_cannot_be_dropped():
    network = Network()
    network.stack = Stack([{'name': 'rgb'}])
    with pytest.raises(ValueError, match='only rgb'):
        detect(network, Monitor(), {}, [], 5)
