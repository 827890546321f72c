"""Inputs of absent modalities, predicted."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_missing.adapters import (
    fold_network,
    load_adapter,
    read_adapter,
    save_adapter,
)
from mmseg_missing.fill import fill_absent
from mmseg_missing.modality import Stack
from mmseg_missing.models.imputers import (
    ConvGenerator,
    LinearGenerator,
    UNetGenerator,
)

STACK = Stack(
    [
        {'name': 'rgb'},
        {'name': 'depth', 'channels': 1},
        {'name': 'thermal', 'channels': 1},
    ]
)
KINDS = LinearGenerator, ConvGenerator, UNetGenerator
PRESENT = STACK.present(['rgb+depth+thermal', 'rgb', 'depth+thermal'])


@pytest.fixture(params=KINDS)
def start(request):
    """A generator as it begins."""
    torch.manual_seed(0)
    return request.param(STACK)


@pytest.fixture
def generator(start):
    """One that learnt something."""
    with torch.no_grad():
        for parameter in start.parameters():
            parameter.normal_(0, 0.1)
    return start


def inputs(n=3):
    torch.manual_seed(1)
    return torch.randn(n, 5, 13, 17)


@pytest.mark.parametrize('fill', ['zero', 'black', 'copy:rgb'])
def test_starts_as_the_usual_fill(start, fill):
    filled = fill_absent(inputs(), PRESENT, STACK, fill)
    assert torch.equal(start(filled, PRESENT), filled)


@torch.no_grad()
def test_what_is_there_stays_and_what_is_absent_moves(generator):
    x = inputs()
    filled = fill_absent(x, PRESENT, STACK, 'zero')
    found = generator(filled, PRESENT)
    there = PRESENT.repeat_interleave(torch.tensor([3, 1, 1]), 1)
    assert torch.equal(found[there], x[there])
    assert (found[~there] - filled[~there]).abs().amax((1, 2)).min() > 0
    assert (found - filled).abs().max() <= generator.scale


@torch.no_grad()
def test_each_sample_by_itself(generator):
    filled = fill_absent(inputs(), PRESENT, STACK, 'zero')
    together = generator(filled, PRESENT)
    for i in range(3):
        alone = generator(filled[i : i + 1], PRESENT[i : i + 1])
        torch.testing.assert_close(alone[0], together[i])


@torch.no_grad()
def test_no_fill_is_read(generator):
    """What stands in the slot beforehand is added to, never looked at."""
    filled = fill_absent(inputs(), PRESENT, STACK, 'zero')
    other = fill_absent(inputs(), PRESENT, STACK, 'black')
    step = generator(filled, PRESENT) - filled
    torch.testing.assert_close(generator(other, PRESENT) - other, step)


@torch.no_grad()
def test_depends_on_the_image(generator):
    filled = fill_absent(inputs(), PRESENT, STACK, 'zero')
    changed = filled.clone()
    changed[1, 0, 3, 4] += 5  # red of the sample that has rgb alone
    gap = generator(changed, PRESENT) - generator(filled, PRESENT)
    assert gap[1, 3:].abs().amax((1, 2)).min() > 0
    assert gap[0, 3:].abs().max() == gap[2].abs().max() == 0


@pytest.mark.parametrize(
    ('kind', 'numbers'),
    [(LinearGenerator, 24), (ConvGenerator, 8 * 9 * 16 + 16 + 16 * 9 * 5 + 5)],
)
def test_counts(kind, numbers):
    assert sum(p.numel() for p in kind(STACK).parameters()) == numbers


def test_half_precision():
    generator = ConvGenerator(STACK)
    with torch.autocast('cpu', torch.bfloat16):
        found = generator(inputs(), PRESENT)
    assert found.dtype == torch.float32


@pytest.mark.parametrize('value', [0, -1, 'much', float('nan')])
def test_bad_values_are_named(value):
    with pytest.raises((TypeError, ValueError), match=r'model\.generator\.'):
        ConvGenerator(STACK, scale=value)
    with pytest.raises((TypeError, ValueError), match=r'model\.generator\.'):
        ConvGenerator(STACK, hidden=value)


def segmentor(**model):
    config = {
        'type': 'MissingModalitySegmentor',
        'stack': [*STACK],
        'backbone': {
            'type': 'CMNeXt',
            'embed_dims': (8, 8, 16, 16),
            'depths': (1, 1, 1, 1),
            'num_heads': (1, 1, 2, 2),
            'in_channels': [3, 1, 1],
        },
        'decode_head': {
            'type': 'SegFormerMLPHead',
            'in_channels': [8, 8, 16, 16],
            'channels': 8,
            'num_classes': 5,
            'align_corners': False,
        },
        **model,
    }
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(config).eval()


@pytest.fixture(scope='module')
def base():
    torch.manual_seed(0)
    return segmentor()


def adapted(base, **model):
    torch.manual_seed(0)
    network = segmentor(
        adapter={'type': 'ScaleShift'}, fill='predicted', **model
    )
    network.load_state_dict(base.state_dict(), strict=False)
    network.adapters.samples_seen += 1
    return network


def stir(network):
    """Let the generator predict something."""
    with torch.no_grad():
        for parameter in network.generator.parameters():
            parameter.normal_(0, 0.1)
    return network


@torch.no_grad()
def run(network, x, *names):
    samples = []
    for present in STACK.present(list(names)):
        sample = SegDataSample()
        size = tuple(x.shape[2:])
        sample.set_metainfo(
            {'present': present, 'ori_shape': size, 'img_shape': size}
        )
        samples.append(sample)
    return network(x, samples, mode='tensor')


@pytest.mark.parametrize('generator', ['linear', 'conv', 'unet'])
def test_in_a_network(base, generator):
    """It starts as the base; full input is the base whatever it learnt."""
    network, x = adapted(base, generator=generator), torch.randn(2, 5, 40, 52)
    names = 'rgb', 'depth+thermal'
    assert torch.equal(run(network, x, *names), run(base, x, *names))
    stir(network)
    assert not torch.allclose(run(network, x, *names), run(base, x, *names))
    full = run(network, x, STACK.full, 'rgb')[0]
    assert torch.equal(full, run(base, x, STACK.full, STACK.full)[0])
    spoilt = x.clone()
    spoilt[0, 3:] = spoilt[1, :3] = float('nan')
    assert torch.equal(run(network, spoilt, *names), run(network, x, *names))


def test_only_what_is_asked_for_is_predicted(base):
    network = stir(adapted(base))
    network.generator.targets = ('depth',)
    filled = torch.zeros(1, 5, 8, 8)
    found = network.generator(filled, STACK.present('rgb'))
    assert found[:, 3].abs().min() > 0
    assert found[:, 4].abs().max() == 0


def test_learns_with_the_rows(base):
    network, x = adapted(base).train(), torch.randn(1, 5, 40, 52)
    for step in range(2):  # the first moves the last layer alone
        network.zero_grad()
        sample = SegDataSample()
        sample.set_metainfo(
            {
                'present': STACK.present('rgb')[0],
                'ori_shape': (40, 52),
                'img_shape': (40, 52),
            }
        )
        network(x, [sample], mode='tensor').square().mean().backward()
        moved = {
            n for n, p in network.generator.named_parameters() if p.grad.any()
        }
        assert any('decode' in name for name in moved)
        assert step == 0 or any('encode' in name for name in moved)
        with torch.no_grad():
            for parameter in network.adapters.parameters():
                if parameter.grad is not None:
                    parameter -= 0.1 * parameter.grad


def test_file_and_fold(base, tmp_path):
    network, x = stir(adapted(base)), torch.randn(1, 5, 40, 52)
    path = tmp_path / 'adapter.safetensors'
    save_adapter(network, path, {'fill': network.fill, 'root': ''})
    metadata, _ = read_adapter(path)
    assert metadata['predictors']['input'] == {
        'type': 'ConvGenerator',
        'scale': 3.0,
        'hidden': 16,
    }
    other = adapted(base)
    load_adapter(other, path)
    expected = run(network, x, 'rgb')
    assert torch.equal(run(other, x, 'rgb'), expected)
    folded = fold_network(network, 'rgb', torch.zeros(1, 5, 64, 64))
    plain = segmentor(folded=folded, fill='predicted')
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(
        run(plain, x, 'rgb'), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ('model', 'words'),
    [
        ({'fill': 'predicted'}, r'set `model\.adapter`'),
        ({'generator': 'conv'}, r"model\.fill='predicted'"),
        (
            {
                'fill': 'predicted',
                'generator': 'cnv',
                'adapter': {'type': 'ScaleShift'},
            },
            'cnv',
        ),
    ],
)
def test_what_does_not_go_together(model, words):
    with pytest.raises((KeyError, ValueError), match=words):
        segmentor(**model)
