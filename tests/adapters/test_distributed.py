"""Ranks that draw different rows stay in step."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmseg_missing.adapters import attach
from mmseg_missing.modality import Stack

BOTH, RGB, DEPTH = (True, True), (True, False), (False, True)
# What each of two ranks draws, step by step.
DRAWS = [(RGB, DEPTH), (RGB, RGB), (BOTH, RGB), (BOTH, BOTH), (DEPTH, BOTH)]


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(4, 3, 1)

    def forward(self, x, present):
        with self.adapters.told(present):
            return self.conv(x).pow(2).sum()


def train(rank, folder):
    torch.set_num_threads(1)
    store = dist.FileStore(f'{folder}/store', 2)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=2)
    network = Network()
    stack = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
    bank = attach(network, stack)
    model = DistributedDataParallel(network, find_unused_parameters=True)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.1)
    torch.manual_seed(rank)
    moved = []
    for drawn in DRAWS:
        before = {k: v.detach().clone() for k, v in bank.rows.table.items()}
        optimizer.zero_grad()
        model(torch.randn(2, 4, 5, 7), [drawn[rank]] * 2).backward()
        optimizer.step()
        rows = bank.rows.table.items()
        moved.append([k for k, v in rows if not torch.equal(v, before[k])])
    torch.save((moved, bank.state_dict()), f'{folder}/{rank}.pth')
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks(tmp_path):
    # Forked: a new process would find the `tests` that mmseg installs.
    context = mp.start_processes(
        train, (str(tmp_path),), nprocs=2, join=False, start_method='fork'
    )
    try:
        assert context.join(timeout=100) is not None
    finally:
        for process in context.processes:
            process.kill()
    (moved, one), (other_moved, two) = (
        torch.load(tmp_path / f'{rank}.pth') for rank in range(2)
    )
    assert moved == other_moved
    assert moved == [['rgb', 'depth'], ['rgb'], ['rgb'], [], ['depth']]
    for key, value in one.items():
        assert torch.equal(two[key], value), key
