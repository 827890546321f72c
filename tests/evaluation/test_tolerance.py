"""From when on a sensor is harmful."""

import json

import pytest
import torch
from mmengine.structures import PixelData
from torch import nn

from mmseg_missing.evaluation.batches import image_order
from mmseg_missing.evaluation.protocols import Faulty
from mmseg_missing.evaluation.tolerance import (
    ToleranceChoice,
    ToleranceScore,
    choose_tolerance,
)
from mmseg_missing.modality import Stack
from mmseg_missing.monitoring import Verdict
from mmseg_missing.present import of_samples

STACK = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])


def choice(*rows):
    scores = tuple(ToleranceScore(*row) for row in rows)
    return ToleranceChoice(8, 80.0, 50.0, scores)


@pytest.mark.parametrize(
    ('rows', 'chosen'),
    [
        ([(1, 79.8, 60), (2, 79.91, 55), (3, 80, 52)], 2),
        ([(1, 79.95, 60), (2, 80, 60)], 2),
        ([(1, 79.8, 60), (2, 79.7, 70)], None),
        ([(1, 80, 49), (2, 80, 50)], None),
        ([(1, 80.5, 51)], 1),
    ],
)
def test_clean_images_lose_at_most_a_tenth(rows, chosen):
    assert choice(*rows).chosen == chosen
    said = 'none is better' if chosen is None else f'chosen: {chosen}'
    assert said in choice(*rows).to_text()


class Network(nn.Module):
    """Believes depth where it is there, else RGB; counts what it saw."""

    stack, num_classes = STACK, 2

    def __init__(self):
        super().__init__()
        self.seen = set()

    def data_preprocessor(self, batch, training):
        return {**batch, 'inputs': torch.stack(batch['inputs'])}

    def forward(self, inputs, samples, mode):
        present = of_samples([s.metainfo for s in samples], STACK)
        for x, has, sample in zip(inputs, present, samples):
            self.seen.add(sample.metainfo['number'])
            sample.pred_sem_seg = PixelData(
                data=(x[3:] if has[1] else x[:1]).long()
            )
        return samples


class Monitor:
    """Depth lies 2.5 limits away where it is spoilt."""

    images, seed = 7, 0

    def __call__(self, inputs, present):
        far = 2.5 * (inputs[:, 3:4, 0, 0] > 0)
        distances = torch.cat((torch.zeros_like(far), far), 1)
        causes = torch.zeros(distances.shape, dtype=torch.long)
        states = 2 - (distances > 1).long()
        bad = states < 2
        return Verdict(STACK.names, states, distances, causes, bad, distances)


def choose(network, images, monitor=None, **options):
    pipeline = [{'type': 'Pack'}]
    loader = {
        'dataset': {
            **{'type': 'Halves', 'pipeline': pipeline, 'length': 12},
            **options,
        },
        'batch_size': 2,
    }
    faults = [Faulty('fog', 'depth', 2)]
    return choose_tolerance(
        *(network, monitor or Monitor(), loader, faults, images),
        (1.0, 2.0, 3.0),
    )


def test_on_images_that_the_fit_has_not_seen(tmp_path):
    network = Network()
    found = choose(network, 5)
    assert found.images == len(network.seen) == 5
    assert (found.clean, found.faults) == (100, 0)
    assert [(r.clean, r.faults) for r in found.rows] == [
        (100, 100),
        (100, 100),
        (100, 0),
    ]
    assert found.chosen == 2
    found.write(tmp_path)
    assert json.loads((tmp_path / 'tolerance.json').read_text())['chosen'] == 2


def test_what_the_fit_left_out_is_not_held_out():
    """It took the first images of an order that have everything."""
    monitor = Monitor()
    monitor.seed = 5
    order = image_order(12, monitor.seed)
    lacking, learnt = order[1:3], {order[0], *order[3:9]}
    network = Network()
    found = choose(network, 3, monitor, lacking=lacking)
    assert found.images == 3
    assert network.seen == set(order[9:]) and not network.seen & learnt


def test_too_few_are_left():
    with pytest.raises(ValueError, match=r'5 of 12 training images .*`--im'):
        choose(Network(), 6)
