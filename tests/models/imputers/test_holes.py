"""Modalities that are there in part, completed where they have holes."""

import pytest
import torch

from mmseg_missing.adapters import load_base
from mmseg_missing.fill import fill_absent
from mmseg_missing.modality import Stack

STACK = Stack(
    [
        {'name': 'rgb', 'mean': [100.0, 110.0, 120.0], 'std': [50.0]},
        {'name': 'depth', 'channels': 1, 'mean': [3.1], 'std': [1.7]},
        {'name': 'thermal', 'channels': 1, 'mean': [20.0], 'std': [3.0]},
    ]
)
MEAN, STD = (
    torch.tensor([v for m in STACK for v in getattr(m, key)])[:, None, None]
    for key in ('mean', 'std')
)
FULL, RGB = STACK.present(['rgb+depth+thermal', 'rgb'])
HOLES = {'depth': 0.0}


@pytest.fixture
def raw():
    """Two images; the first has no depth in the upper left corner."""
    torch.manual_seed(2)
    raw = MEAN + STD * torch.rand(2, 5, 13, 17)
    raw[0, 3, :4, :5] = 0.0
    return raw


def normalised(raw):
    return (raw - MEAN) / STD


@torch.no_grad()
def test_starts_as_the_raw_value(kind, raw):
    x, present = normalised(raw), torch.stack([FULL, FULL])
    assert torch.equal(kind(STACK, holes=HOLES)(x, present), x)


@torch.no_grad()
def test_holes_alone_are_completed(kind, raw, stir):
    x, present = normalised(raw), torch.stack([FULL, FULL])
    found = stir(kind(STACK, holes=HOLES))(x, present)
    changed = found != x
    assert changed[0, 3, :4, :5].all()
    changed[0, 3, :4, :5] = False
    assert not changed.any()


@torch.no_grad()
def test_without_the_declaration_nothing_is_completed(kind, raw, stir):
    x, present = normalised(raw), torch.stack([FULL, FULL])
    assert torch.equal(stir(kind(STACK))(x, present), x)


@torch.no_grad()
def test_a_hole_is_not_looked_at(kind, raw, stir):
    """As far as others are told, nothing is there, whatever the value."""
    present = STACK.present(['rgb+depth', 'rgb+depth'])
    x = fill_absent(normalised(raw), present, STACK, 'zero')
    generator = stir(kind(STACK, holes=HOLES))
    other = raw.clone()
    other[0, 3, :4, :5] = 9.0
    y = fill_absent(normalised(other), present, STACK, 'zero')
    again = stir(kind(STACK, holes={'depth': 9.0}))
    step, same = generator(x, present) - x, again(y, present) - y
    torch.testing.assert_close(step, same)
    # Where depth is all holes it is as good as absent.
    x[:, 3] = ((0 - MEAN) / STD)[3]
    gone = STACK.present(['rgb', 'rgb'])
    torch.testing.assert_close(
        generator(x, present)[:, 4], generator(x, gone)[:, 4]
    )


@torch.no_grad()
def test_each_sample_by_itself(kind, raw, stir):
    x, present = normalised(raw), torch.stack([FULL, RGB])
    x = fill_absent(x, present, STACK, 'zero')
    generator = stir(kind(STACK, holes=HOLES))
    together = generator(x, present)
    for i in range(2):
        alone = generator(x[i : i + 1], present[i : i + 1])
        torch.testing.assert_close(alone[0], together[i])


@torch.no_grad()
def test_all_channels_make_a_hole(kind, raw, stir):
    raw[0, 0] = 7.0  # one channel of three
    raw[1, :3, 2, 3] = 7.0
    x, present = normalised(raw), torch.stack([FULL, FULL])
    found = stir(kind(STACK, holes={'rgb': 7.0}))(x, present)
    changed = (found != x).nonzero().tolist()
    assert changed == [[1, c, 2, 3] for c in range(3)]


@torch.no_grad()
def test_what_is_no_target_is_completed_too(kind, raw, stir):
    """Holes are declared by themselves; an absent modality keeps its fill."""
    present = STACK.present(['rgb+depth', 'rgb'])
    x = fill_absent(normalised(raw), present, STACK, 'zero')
    generator = stir(kind(STACK, holes=HOLES))
    generator.targets = ()
    found = generator(x, present)
    assert (found[0, 3, :4, :5] != x[0, 3, :4, :5]).all()
    assert torch.equal(found[1], x[1])
    assert torch.equal(found[:, 4], x[:, 4])


@pytest.mark.parametrize(
    ('holes', 'words'),
    [
        ({'lidar': 0.0}, r"unknown modality 'lidar' in `model\.generator\.h"),
        ({'depth': 'none'}, r'`model\.generator\.holes\.depth` takes a num'),
        ({'depth': float('nan')}, r'holes\.depth` takes a finite number'),
        (['depth'], r'`model\.generator\.holes` takes a dict'),
        (True, r'`model\.generator\.holes` takes a dict, got True'),
    ],
)
def test_bad_values_are_named(kind, holes, words):
    with pytest.raises((TypeError, ValueError), match=words):
        kind(STACK, holes=holes)


@pytest.fixture
def networks(make_segmentor, train_rows):
    """A base, and the same with rows that completes holes."""
    stack = [{'name': m.name, 'channels': m.channels} for m in STACK[:2]]
    stack[1].update(mean=[3.1], std=[1.7])
    base = make_segmentor('one resnet', stack=stack)
    model = make_segmentor(
        'one resnet',
        stack=stack,
        adapter={'type': 'ScaleShift'},
        generator={'type': 'ConvGenerator', 'holes': HOLES},
    )
    load_base(model, base.state_dict(), 'base.pth')
    return base, train_rows(model)


@pytest.fixture
def holed(inputs, networks):
    """Raw images of which the first has a hole, normalised by a network."""
    raw = inputs.abs() + 1
    raw[0, 3, 8:20, 8:30] = 0.0
    data = {'inputs': list(raw)}
    return networks[0].data_preprocessor(data)['inputs']


@torch.no_grad()
def test_in_a_network(networks, holed, make_samples, stir):
    base, model = networks
    full, lacking = [(True, True)] * 2, [(True, True), (True, False)]
    assert torch.equal(model(holed), base(holed))
    start = model(holed, make_samples(lacking))
    stir(model.generator)
    found = model(holed, make_samples(full))
    assert not torch.allclose(found[0], base(holed)[0])
    assert torch.equal(found[1], base(holed)[1])  # it has no hole
    # Nothing is predicted for what is absent: its fill is the usual one.
    assert torch.equal(model(holed, make_samples(lacking))[1], start[1])


def test_the_teacher_is_the_bare_base(networks, holed, make_samples, stir):
    _, model = networks
    stir(model.generator)
    present = torch.ones(2, 2, dtype=torch.bool)
    with model._seeing(holed, present, [], bare=True) as filled:
        assert torch.equal(filled, holed)
