"""Data comes through as it is, anything else is refused by its name."""

import argparse
import io
import os
import pickle
from collections import OrderedDict, defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from torch import nn

from mmseg_missing import data_pickle

DATA = {
    'parameter': nn.Parameter(torch.ones(2)),
    'kinds': [torch.ones(2, dtype=t) for t in (torch.half, torch.bfloat16)],
    'counts': [torch.arange(3), torch.tensor([True, False])],
    'unsigned': torch.get_rng_state().view(torch.uint8),
    'dtype': torch.bfloat16,
    'transposed': torch.arange(6.0).view(2, 3).T,
    'numbers': [1, 2**70, 0.5, float('inf'), 1j, True, None, np.float32(3)],
    'texts': ['a', b'\xff\x00', bytearray(b'x'), np.str_('b')],
    'containers': [(1,), {1, 2}, slice(1, 2), torch.Size([1, 2])],
    'arrays': [np.arange(6.0).reshape(2, 3), np.array([True]), np.array(1)],
    'random': np.random.get_state(),
    'device': torch.device('cpu'),
}


def saved(content, is_zip=True):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=is_zip)
    file.seek(0)
    return file


def load(file):
    return torch.load(file, pickle_module=data_pickle, weights_only=False)


@pytest.mark.parametrize('is_zip', [True, False])
def test_data_comes_through(is_zip):
    assert repr(load(saved(DATA, is_zip))) == repr(DATA)


@pytest.mark.skipif(not hasattr(torch, 'uint32'), reason='newer torch')
def test_tensors_of_newer_kinds_come_through():
    x = torch.tensor([1, 2**32 - 1], dtype=torch.uint32)
    assert torch.equal(load(saved(x)), x)


def test_containers_come_through():
    layer = nn.BatchNorm2d(3)
    found = load(saved(layer.state_dict()))
    assert list(found) == list(layer.state_dict())
    assert found._metadata == layer.state_dict()._metadata
    config = ConfigDict(a=ConfigDict(b=[1]))
    assert load(saved(config)) == {'a': {'b': [1]}}
    assert load(saved(defaultdict(list, a=[1]))) == {'a': [1]}


def test_histories_come_through_and_share_nothing():
    """Their functions are those that are here, not those of the file."""
    buffer = HistoryBuffer([0.5, 1.5], [1, 3])
    methods = dict(HistoryBuffer._statistics_methods)
    file = saved(buffer)
    HistoryBuffer._statistics_methods['mean'] = HistoryBuffer.max
    other = saved(buffer)
    HistoryBuffer._statistics_methods.update(methods)
    for found in (load(file), load(other)):
        assert (found.mean(), found.current()) == (0.5, 1.5)
    assert HistoryBuffer._statistics_methods == methods


class Made:
    """What pickle writes as a call of ``function`` and a state."""

    def __init__(self, function, *args, state=None):
        self.parts = (function, args, state)

    def __reduce__(self):
        return self.parts


ATTACKS = {
    'a command': partial(Made, os.system, 'touch {}'),
    'a program': partial(Made, exec, "open('{}', 'w')"),
    'eval': partial(Made, eval, "open('{}', 'w')"),
    'a file': partial(Made, open, '{}', 'w'),
    'a path': lambda text: Path(text.format('x')),
    'a class': lambda _: argparse.Namespace(lr=1),
    'a network': lambda _: nn.Linear(1, 1),
    'a function': lambda _: torch.load,
    'an array of objects': lambda _: np.array([None, {}]),
    'an object dtype': lambda _: np.dtype('O'),
    'fields': lambda _: np.dtype([('a', 'f4')]),
    'other bytes': lambda _: np.arange(3, dtype='>f4'),
    'another coding': lambda text: Made(
        __import__('codecs').encode, 'a', 'hex'
    ),
    'a state': lambda _: Made(OrderedDict, state={'items': 1}),
}


@pytest.mark.parametrize('is_zip', [True, False])
@pytest.mark.parametrize('attack', ATTACKS)
def test_anything_else_is_refused(attack, is_zip, tmp_path):
    mark = tmp_path / 'ran'
    make = ATTACKS[attack]
    content = make() if isinstance(make, partial) else make('{}')
    if isinstance(make, partial):
        function, args, _ = content.parts
        content = Made(function, *(a.format(mark) for a in args))
    with pytest.raises(data_pickle.NotData):
        load(saved({'state_dict': {}, 'meta': content}, is_zip))
    assert not mark.exists()


def test_what_may_be_named_may_not_be_changed():
    """A state given to a function or a class would outlast the file."""
    target = torch._utils._rebuild_tensor_v2
    before = target.__defaults__
    for name in (b'torch._utils\n_rebuild_tensor_v2\n', b'torch\nSize\n'):
        text = b'c' + name + pickle.dumps((None, {'x': 1}), 2)[2:-1] + b'b.'
        with pytest.raises(data_pickle.NotData, match='a state of'):
            data_pickle.load(io.BytesIO(text))
    assert target.__defaults__ == before and not hasattr(target, 'x')


@pytest.mark.parametrize('name', ['os', 'builtins', 'torch', 'numpy'])
def test_getattr_reaches_nothing(name):
    """Histories name their functions by it; here it gives None."""
    text = b'cbuiltins\ngetattr\n' + pickle.dumps((name, 'x'), 2)[2:-1] + b'R.'
    assert data_pickle.load(io.BytesIO(text)) is None
