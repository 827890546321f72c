"""Modalities that are there but degraded, repaired and told of."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_missing.adapters import (
    fold_network,
    load_adapter,
    load_base,
    read_adapter,
    save_adapter,
)
from mmseg_missing.modality import Stack

STACK = Stack(
    [
        {'name': 'rgb', 'mean': [100.0], 'std': [50.0]},
        {'name': 'depth', 'channels': 1, 'mean': [3.1], 'std': [1.7]},
        {'name': 'thermal', 'channels': 1, 'mean': [20.0], 'std': [3.0]},
    ]
)
FULL = STACK.present(['rgb+depth+thermal'] * 3)
# Nothing, depth, and depth of a sample that lacks thermal.
PRESENT = STACK.present([STACK.full, STACK.full, 'rgb+depth'])
DEGRADED = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 1, 0]]).bool()
RECOVERING = {'type': 'ConvGenerator', 'recovers': True}


@pytest.fixture
def x():
    torch.manual_seed(2)
    x = torch.randn(3, 5, 13, 17)
    x[2, 4] = 0
    return x


def test_starts_as_the_identity(kind, x):
    assert torch.equal(kind(STACK, recovers=True)(x, PRESENT, DEGRADED), x)


@torch.no_grad()
def test_what_is_degraded_moves_and_what_is_whole_stays(kind, x, stir):
    found = stir(kind(STACK, recovers=True))(x, PRESENT, DEGRADED)
    changed = (found != x).flatten(2).any(2)
    expected = [[0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 1]]
    assert changed.tolist() == torch.tensor(expected).bool().tolist()
    assert (found - x).abs().max() <= 3.0


@torch.no_grad()
def test_its_own_image_and_state_are_seen(kind, x, stir):
    generator = stir(kind(STACK, recovers=True))
    step = generator(x, PRESENT, DEGRADED) - x
    other = x.clone()
    other[1, 3, 5, 6] += 1
    moved = generator(other, PRESENT, DEGRADED) - other
    assert not torch.allclose(moved[1, 3, 5, 6], step[1, 3, 5, 6])
    # Thermal of the last one is predicted from a depth that is said to be
    # ill, or not.
    told = generator(x, PRESENT, torch.zeros_like(DEGRADED)) - x
    assert not torch.allclose(told[2, 4], step[2, 4])


@torch.no_grad()
def test_without_the_key_nothing_is_repaired(kind, x, stir):
    generator = stir(kind(STACK))
    found = generator(x, PRESENT, DEGRADED)
    assert torch.equal(found, generator(x, PRESENT))
    assert torch.equal(found[1], x[1])
    assert not generator.has_work(FULL, DEGRADED)
    assert kind(STACK, recovers=True).has_work(FULL, DEGRADED)


def test_bad_values_are_named(kind):
    with pytest.raises(TypeError, match=r'`model\.generator\.recovers`'):
        kind(STACK, recovers=1)


def segmentor(**model):
    config = {
        'type': 'MissingModalitySegmentor',
        'stack': [*STACK],
        'backbone': {
            'type': 'MultiStreamBackbone',
            'in_channels': [3, 1, 1],
            'backbone': {
                'type': 'ResNet',
                'depth': 18,
                'base_channels': 8,
                'stem_channels': 8,
                'num_stages': 2,
                'strides': (1, 2),
                'dilations': (1, 1),
                'out_indices': (0, 1),
            },
        },
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': 16,
            'in_index': 1,
            'channels': 8,
            'num_convs': 1,
            'num_classes': 3,
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


ROWS = {'type': 'ScaleShift', 'rows': {'type': 'additive', 'degraded': True}}


def adapted(base, adapter=ROWS, generator=RECOVERING, **model):
    torch.manual_seed(0)
    network = segmentor(
        adapter=adapter, fill='predicted', generator=generator, **model
    )
    load_base(network, base.state_dict(), 'base')
    network.adapters.samples_seen += 1
    return network


def samples_of(present, degraded=None, size=(24, 40)):
    samples = []
    for i, flags in enumerate(present):
        sample = SegDataSample()
        meta = {'present': flags, 'ori_shape': size, 'img_shape': size}
        if degraded is not None:
            meta['degraded'] = degraded[i]
        label = torch.zeros(1, *size, dtype=torch.long)
        label[..., 20:] = 1
        sample.gt_sem_seg = PixelData(data=label)
        sample.set_metainfo(meta)
        samples.append(sample)
    return samples


@torch.no_grad()
def run(network, x, present, degraded=None):
    return network(x, samples_of(present, degraded), mode='tensor')


@pytest.fixture
def images():
    torch.manual_seed(3)
    return torch.randn(3, 5, 24, 40)


def test_starts_as_the_base(base, images):
    network = adapted(base)
    told = run(network, images, FULL, DEGRADED)
    assert torch.equal(told, run(base, images, FULL))


@pytest.mark.parametrize(
    ('adapter', 'generator'),
    [
        (ROWS, RECOVERING),
        (ROWS, 'conv'),
        ({'type': 'ScaleShift'}, RECOVERING),
    ],
)
def test_what_is_told_counts_and_whole_is_the_base(
    base, images, adapter, generator, stir
):
    network = adapted(base, adapter, generator)
    assert network.recovers
    stir(network.adapters.predictors)
    stir(network.adapters.rows)
    none = torch.zeros_like(DEGRADED)
    plain = run(network, images, PRESENT)
    assert torch.equal(run(network, images, PRESENT, none), plain)
    told = run(network, images, PRESENT, DEGRADED)
    whole = run(base, images, FULL)
    torch.testing.assert_close(told[0], whole[0])
    assert torch.equal(run(network, images, FULL), whole)
    for i in (1, 2):
        assert not torch.allclose(told[i], plain[i])
        alone = slice(i, i + 1)
        one = run(network, images[alone], PRESENT[alone], DEGRADED[alone])
        torch.testing.assert_close(one[0], told[i])


def test_rows_of_what_is_ill_add_up(base, stir):
    bank = adapted(base).adapters
    stir(bank.rows)
    rows, zero = bank.rows, torch.zeros(bank.rows.width)
    m, d = rows.missing, rows.degraded
    found = [
        rows.unique([key])[0][0]
        for key in (
            (True, True, True, False, False, False),
            (True, True, True, False, True, False),
            (True, False, True, True, False, True),
            (True, False, True),
        )
    ]
    expected = [
        zero,
        d['depth'],
        m['depth'] + d['rgb'] + d['thermal'],
        m['depth'],
    ]
    torch.testing.assert_close(found, expected)


def test_file_and_fold(base, images, tmp_path, stir):
    network = adapted(base)
    stir(network.adapters.predictors)
    stir(network.adapters.rows)
    path = tmp_path / 'adapter.safetensors'
    save_adapter(network, path, {'fill': network.fill})
    metadata, tensors = read_adapter(path)
    assert metadata['row_options'] == {'degraded': True}
    assert metadata['predictors']['input']['recovers'] is True
    assert {'degraded rgb', 'degraded depth'} < set(tensors)
    other = adapted(base)
    load_adapter(other, path)
    expected = run(network, images, PRESENT, DEGRADED)
    assert torch.equal(run(other, images, PRESENT, DEGRADED), expected)
    with pytest.raises(ValueError, match='is for another row'):
        load_adapter(adapted(base, {'type': 'ScaleShift'}), path)
    only = STACK.present(['rgb+depth'])
    expected = run(network, images[2:], only)
    folded = fold_network(network, 'rgb+depth', torch.zeros(1, 5, 24, 40))
    plain = segmentor(folded=folded, fill='predicted')
    plain.load_state_dict(network.state_dict())
    torch.testing.assert_close(
        run(plain, images[2:], only), expected, rtol=1e-4, atol=1e-5
    )


def test_files_without_the_key_are_as_they_were(base, tmp_path):
    network = adapted(base, {'type': 'ScaleShift'}, 'conv')
    path = tmp_path / 'adapter.safetensors'
    save_adapter(network, path, {'fill': network.fill})
    metadata, tensors = read_adapter(path)
    assert metadata['row_options'] == {}
    assert 'recovers' not in metadata['predictors']['input']
    assert not any('degraded' in name for name in tensors)


@pytest.mark.parametrize(
    ('degraded', 'words'),
    [
        ({'lidar': True}, r"`degraded` names 'lidar', this stack has rgb"),
        ([True], r'`degraded` needs 3 entries for rgb\+depth\+thermal'),
    ],
)
def test_flags_of_unknown_modalities(base, images, degraded, words):
    with pytest.raises(ValueError, match=words):
        run(adapted(base), images[:1], FULL[:1], [degraded])


def test_flags_by_name(base, images, stir):
    network = adapted(base)
    stir(network.adapters.rows)
    named = run(network, images[1:2], FULL[:1], [{'depth': True}])
    assert torch.equal(
        named, run(network, images[1:2], FULL[:1], DEGRADED[1:2])
    )


def test_training_shows_what_is_ill(base, images):
    network = adapted(base, degrade={'rate': 1.0, 'severities': [5]}).train()
    network.adapters.samples_seen.zero_()
    kept = images.clone()
    for _ in range(4):
        losses = network.loss(images, samples_of(FULL))
        losses['decode.loss_ce'].backward()
    assert torch.equal(images, kept)
    rows = network.adapters.rows
    grads = [p.grad for p in rows.degraded.values()]
    assert any(g is not None and g.any() for g in grads)
    assert any(p.grad.any() for p in network.generator.parameters())


def test_what_is_ill_without_anybody_told(base):
    with pytest.raises(ValueError, match='nothing here is told of it'):
        adapted(base, {'type': 'ScaleShift'}, 'conv', degrade={'rate': 0.5})
