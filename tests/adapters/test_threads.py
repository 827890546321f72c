"""One network in several threads, told different things, in plain torch."""

import threading

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import attach
from mmseg_missing.modality import Stack

STACK = Stack([{'name': name, 'channels': 1} for name in 'abc'])
PRESENT = STACK.present(STACK.combinations())


class Network(nn.Module):
    """Deep enough that threads take turns within a forward."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(12)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Network()
    bank = attach(network, STACK)
    for vector in bank.rows.missing.values():
        vector.data.normal_(0, 0.3)
    bank.samples_seen += 1
    return network.eval()


def run(network, x, present):
    with network.adapters.told(present.expand(len(x), -1)):
        return network(x)


def in_threads(jobs, repeats):
    """Run each job in a thread of its own; return all results and errors."""
    start = threading.Barrier(len(jobs))
    results, errors = [[] for _ in jobs], []

    def work(index):
        try:
            start.wait()
            for _ in range(repeats):
                results[index].append(jobs[index]())
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(i,)) for i in range(len(jobs))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, errors


def test_threads_give_what_one_thread_gives(network):
    x = torch.randn(2, 3, 16, 16)

    @torch.no_grad()
    def alone(present):
        return run(network, x, present)

    expected = [alone(present) for present in PRESENT]
    jobs = [lambda p=present: alone(p) for present in PRESENT]
    results, errors = in_threads(jobs, 30)
    assert not errors
    for found, truth in zip(results, expected, strict=True):
        assert all(torch.equal(one, truth) for one in found)
    assert torch.equal(alone(PRESENT[3]), expected[3])


def test_bypassing_in_one_thread_leaves_the_others_repaired(network):
    x = torch.randn(2, 3, 16, 16)

    @torch.no_grad()
    def repaired():
        return run(network, x, PRESENT[-1])

    @torch.no_grad()
    def bare():
        with network.adapters.bypassed():
            return run(network, x, PRESENT[-1])

    expected = [repaired(), bare()]
    assert not torch.equal(*expected)
    results, errors = in_threads([repaired, bare], 50)
    assert not errors
    for found, truth in zip(results, expected, strict=True):
        assert all(torch.equal(one, truth) for one in found)


def test_another_thread_is_not_told(network):
    x = torch.randn(1, 3, 8, 8)
    with network.adapters.told(PRESENT[:1]), torch.no_grad():
        network(x)
        _, errors = in_threads([lambda: network(x)], 1)
    assert 'not told which modalities' in str(errors[0])
