"""``present`` is read twice on the way of a sample, and never spelled."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric

from mmseg_missing import present as form
from mmseg_missing.datasets.transforms import PackModalities
from mmseg_missing.engine import CombinationTestLoop
from mmseg_missing.modality import Stack

STACK = [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}]
HAS = [{'rgb': True, 'depth': True}, {'rgb': False, 'depth': True}]


def packed(index):
    """One sample as a worker sends it."""
    results = {
        'modalities': {
            'rgb': np.full((16, 16, 3), index, np.uint8),
            'depth': np.ones((16, 16, 1), np.float32),
        },
        'present': HAS[index],
        'img_shape': (16, 16),
        'ori_shape': (16, 16),
        'sample_idx': index,
        'gt_seg_map': np.zeros((16, 16), np.uint8),
    }
    item = PackModalities(STACK)(results)
    return pickle.loads(pickle.dumps(item))


class Seen(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [
            (s['sample_idx'], s['combination'], *s['present'].tolist())
            for s in data_samples
        ]

    def compute_metrics(self, results):
        return {'seen': len(results)}


@pytest.fixture
def reads(monkeypatch):
    """The forms in which one sample's flags were read, lists left out.

    Lists are what ``tolist`` makes of the tensor, for look-ups.
    """
    found, flags_of = [], form.flags_of

    def watch(flags, names=None):
        if not isinstance(flags, list):
            found.append(type(flags))
        return flags_of(flags, names)

    monkeypatch.setattr(form, 'flags_of', watch)
    return found


@pytest.fixture
def spell_nothing(monkeypatch):
    """Return a function after which no combination may be named."""

    def refuse(stack, combinations):
        assert not len(combinations), 'a name within a forward'
        return []

    def stop():
        for method in ('present', 'names_of', 'canonical'):
            monkeypatch.setattr(Stack, method, refuse)

    return stop


@pytest.fixture
def model(make_runner):
    model = make_runner(adapter={'type': 'ScaleShift'}).model
    model.adapters.samples_seen += 1
    return model


def test_training(model, reads, spell_nothing):
    batch = pseudo_collate([packed(i) for i in range(2)])
    assert reads == [dict, dict]
    spell_nothing()
    for _ in range(2):
        reads.clear()
        data = model.data_preprocessor(copy.deepcopy(batch), True)
        losses = model.train()(**data, mode='loss')
        model.parse_losses(losses)[0].backward()
        assert reads == [torch.Tensor] * 2
    drawn = model.drawn.tolist()
    assert drawn[0] in ([True, False], [False, True])
    assert drawn[1] == [False, True]


def test_testing(model, reads, spell_nothing):
    batch = pseudo_collate([packed(i) for i in range(2)])
    assert reads == [dict, dict]
    spell_nothing()
    data = model.eval().data_preprocessor(batch, False)
    reads.clear()
    model(**data, mode='predict')
    assert reads == [torch.Tensor] * 2


def test_a_loop_names_combinations_once(make_runner, spell_nothing, reads):
    runner = make_runner(adapter={'type': 'ScaleShift'})
    runner.model.eval().adapters.samples_seen += 1
    items = [packed(i) for i in range(2)]
    loader = {
        'dataset': items,
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        'batch_size': 2,
        'num_workers': 0,
    }
    loop = CombinationTestLoop(runner, loader, [Seen()])
    runner.hooks.clear()
    spell_nothing()
    reads.clear()
    with torch.no_grad():
        loop.run_iter(0, pseudo_collate(items))
    # The loop looks once who has what; then four samples are predicted.
    assert reads == [torch.Tensor] * (2 + 1 + 1 + 2)
    seen = loop.evaluator.metrics[0].copies
    found = [result for part in seen.values() for result in part.results]
    assert sorted(found) == [
        (0, 'depth', False, True),
        (0, 'rgb', True, False),
        (0, 'rgb+depth', True, True),
        (1, 'depth', False, True),
    ]
