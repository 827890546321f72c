from types import SimpleNamespace

import pytest
import torch

from mmseg_missing.evaluation.trace_protocol import Traced, TraceProtocol
from mmseg_missing.evaluation.traces import Markov, Trace
from mmseg_missing.modality import Stack

STACK = Stack([{'name': 'rgb'}, {'name': 'depth'}])
TRACE = Trace(STACK, torch.tensor([[1, 1], [0, 1], [1, 0]]) > 0, 'a trace')


def test_a_frame_belongs_to_its_row_and_to_no_other():
    metas = [{'sample_idx': 2}, {'sample_idx': 0}]
    has = torch.ones(2, 2, dtype=torch.bool)
    taken = {
        name: Traced(TRACE).takes(STACK.present(name)[0], has, metas).tolist()
        for name in STACK.subsets()
    }
    assert taken == {
        'rgb+depth': [False, True],
        'rgb': [True, False],
        'depth': [False, False],
    }


def test_what_a_frame_lacks_cannot_be_present():
    has = torch.tensor([[True, False]])
    needed = torch.tensor([True, False])
    assert Traced(TRACE).takes(needed, has, [{'sample_idx': 2}]).all()
    with pytest.raises(ValueError, match=r'frame 1 .*has no depth, which a'):
        Traced(TRACE).takes(needed, has, [{'sample_idx': 1}])


def test_joined_data_sets_count_apart():
    protocol = TraceProtocol(Markov(STACK, 0.1, 0.1))
    assert len(protocol.trace_of([0] * 7)) == 7
    with pytest.raises(ValueError, match='joins several'):
        protocol.trace_of(SimpleNamespace(datasets=[[0], [0]]))
