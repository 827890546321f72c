"""One segmentor in several threads, with other sensors in each."""

import sys
import threading

import pytest
import torch

PRESENT = [(True, True), (True, False), (False, True)]


@pytest.fixture(autouse=True)
def often():
    """Let threads take turns within every forward."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


SHARED = (
    {
        'type': 'SharedStreamBackbone',
        'backbone': {
            'type': 'ResNet',
            'depth': 18,
            'base_channels': 8,
            'stem_channels': 8,
        },
        'in_channels': [3, 1],
    },
    [8, 16, 32, 64],
)


@pytest.mark.parametrize('network', ['cmnext', 'resnet streams', SHARED])
def test_masks_are_those_of_one_thread(
    make_pair, make_segmentor, make_samples, inputs, network
):
    if isinstance(network, str):
        _, model = make_pair(network)
    else:
        model = make_segmentor(network).eval()
    one = inputs[:1]

    @torch.no_grad()
    def run(present):
        return model(one, make_samples([present]))

    expected = [run(present) for present in PRESENT]
    wrong, errors = [], []

    def work(index):
        try:
            for _ in range(12):
                found = run(PRESENT[index])
                if not torch.equal(found, expected[index]):
                    wrong.append(index)
        except Exception as error:
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(index % 3,)) for index in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert not wrong
    # Nothing that one thread computed stays for another row.
    for present, truth in zip(PRESENT, expected, strict=True):
        assert torch.equal(run(present), truth)


@torch.no_grad()
def test_weights_at_the_same_address_are_other_weights(
    make_pair, make_samples, inputs
):
    """An address is given again once what lay there is gone."""
    _, model = make_pair('resnet streams')
    norm = model.backbone.streams[1].bn1
    samples = make_samples([(True, False)])
    norm.bias = torch.nn.Parameter(norm.bias.clone(), False)
    before = model(inputs[:1], samples)
    memory = norm.bias.detach().numpy()  # numpy writes, no version counts
    memory[:] = memory + 1
    norm.bias = torch.nn.Parameter(torch.from_numpy(memory), False)
    found = model(inputs[:1], samples)
    with torch.enable_grad():  # nothing is reused
        expected = model(inputs[:1], samples).detach()
    assert not torch.equal(before, expected)
    assert torch.equal(found, expected)
