"""What holds for every adapter method on every kind of layer."""

import copy

import pytest
import torch
from torch import nn

from mmseg_missing.adapters import (
    METHODS,
    ROW_MODES,
    Adapter,
    LowRank,
    NormTuning,
    Scale,
    ScaleShift,
    Shift,
    attach,
    fold,
    load_adapter,
    save_adapter,
)
from mmseg_missing.products import Conv2d, Linear

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
PRESENT = [FULL, RGB, DEPTH, RGB, FULL]


class ChannelFirstNorm(nn.LayerNorm):
    channel_dim = 1

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


# Layer and the shape of a sample; primes, and cases with c == w.
LAYERS = {
    'linear': (lambda: nn.Linear(3, 5), (7, 3)),
    'linear c=l': (lambda: nn.Linear(3, 7), (7, 3)),
    'linear of vectors': (lambda: nn.Linear(3, 5), (3,)),
    'conv': (lambda: nn.Conv2d(3, 11, 3, padding=1), (3, 5, 7)),
    'own linear': (lambda: Linear(3, 5), (7, 3)),
    'own conv': (lambda: Conv2d(3, 11, 1), (3, 5, 7)),
    'conv c=w': (lambda: nn.Conv2d(3, 7, 1), (3, 5, 7)),
    'conv of one position': (lambda: nn.Conv2d(3, 7, (5, 7)), (3, 5, 7)),
    'bias-free conv': (lambda: nn.Conv2d(3, 5, 3, bias=False), (3, 5, 7)),
    'dilated conv': (lambda: nn.Conv2d(3, 5, 3, dilation=2), (3, 5, 7)),
    'reflected conv': (
        lambda: nn.Conv2d(3, 5, 3, padding=1, padding_mode='reflect'),
        (3, 5, 7),
    ),
    'grouped conv': (lambda: nn.Conv2d(4, 6, 3, groups=2), (4, 5, 7)),
    'depthwise conv': (lambda: nn.Conv2d(3, 3, 3, groups=3), (3, 5, 7)),
    'conv1d': (lambda: nn.Conv1d(3, 5, 3), (3, 7)),
    'conv3d': (lambda: nn.Conv3d(3, 5, 1), (3, 2, 5, 7)),
    'batch norm': (lambda: nn.BatchNorm2d(3), (3, 5, 7)),
    'batch norm c=w': (lambda: nn.BatchNorm2d(7), (7, 5, 7)),
    'layer norm': (lambda: nn.LayerNorm(3), (5, 7, 3)),
    'group norm': (lambda: nn.GroupNorm(2, 6), (6, 5, 7)),
    'channel-first norm': (lambda: ChannelFirstNorm(3), (3, 5, 7)),
    'channel-first norm c=w': (lambda: ChannelFirstNorm(7), (7, 5, 7)),
}

# Of several methods each modulates what the one before gave.
HYBRIDS = [
    (ScaleShift, LowRank),
    (LowRank, ScaleShift),
    (Shift, NormTuning),
]
SOME = ('linear', 'bias-free conv', 'grouped conv', 'batch norm', 'layer norm')

on_every_layer = pytest.mark.parametrize(
    ('methods', 'kind'),
    [
        pytest.param(
            methods,
            kind,
            id=f'{"+".join(m.__name__ for m in methods)}, {kind}',
        )
        for methods in [(method,) for method in METHODS.values()] + HYBRIDS
        for kind, (make, _) in LAYERS.items()
        if all(method.takes(make()) for method in methods)
        and (len(methods) == 1 or kind in SOME)
    ],
)
VECTORS = {
    'rgb': torch.tensor([[1.0, 0.0, 2.0], [0.5, 1.0, 2.0]]),
    'depth': torch.tensor([[0.0, 3.0, 2.0], [1.0, 1.0, 0.0]]),
}
# What rows of `hyper` are written from, beside what is present.
CONDITIONS = {
    'hyper image': {'type': 'hyper', 'condition': 'image'},
    'hyper text': {
        'type': 'hyper',
        'condition': {'type': 'text', 'vectors': VECTORS},
    },
}
ROWS = {**{name: name for name in ROW_MODES}, **CONDITIONS}
with_every_row_mode = pytest.mark.parametrize(
    'rows', ROWS.values(), ids=ROWS.keys()
)


class Host(nn.Module):
    keeps_outputs = True

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.layer = LAYERS[kind][0]()
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.is_floating_point():
                nn.init.uniform_(tensor, 0.5, 1.5)

    def forward(self, x):
        return self.layer(x)


def hang(network, stack, methods, rows='table'):
    """Attach with the options that a layer this small needs."""
    entries = []
    for method in methods:
        entry = {'type': method}
        if method is LowRank:
            entry['rank'] = 2
        if method.default_sites is not Adapter.default_sites:
            entry['sites'] = ['layer']
        entries.append(entry)
    dtype = next(network.parameters()).dtype
    attach(network, stack, entries, rows=rows)
    network.adapters.to(dtype)


def make(kind, stack, methods, dtype=torch.float32, rows='table'):
    """Return a base, the same with adapters, and a batch for them."""
    base = Host(kind).to(dtype).eval().requires_grad_(False)
    network = copy.deepcopy(base)
    hang(network, stack, methods, rows)
    generator = torch.Generator().manual_seed(1)
    shape = (len(PRESENT), *LAYERS[kind][1])
    return base, network, torch.randn(shape, generator=generator).to(dtype)


def run(network, x, present):
    """Run what also sees an image, of another look for each sample."""
    look = x.flatten(1)[:, :1, None, None]
    images = look * torch.arange(1.0, 9.0, dtype=x.dtype).view(1, 4, 2, 1)
    with network.adapters.told(present, images=images):
        return network(x)


@on_every_layer
def test_identity_at_start(kind, stack, methods):
    base, network, x = make(kind, stack, methods)
    network.adapters.samples_seen += 1
    for present in (FULL, RGB, DEPTH):
        y = run(network, x, [present] * len(x))
        assert torch.equal(y, base(x))


@pytest.mark.parametrize('layout', ['contiguous_format', 'channels_last'])
@pytest.mark.parametrize('autocast', [False, True])
@on_every_layer
def test_all_present_is_the_base_bit_for_bit(
    kind, stack, methods, train_rows, autocast, layout
):
    base, network, x = make(kind, stack, methods)
    if x.ndim == 4:
        x = x.contiguous(memory_format=getattr(torch, layout))
    train_rows(network.adapters)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        alone = run(network, x, [FULL] * len(x))
        mixed = run(network, x, PRESENT)
        expected = base(x)
    for y in (alone, mixed):
        assert y.dtype == expected.dtype
        for layout in (torch.contiguous_format, torch.channels_last):
            if y.ndim == 4:
                same = expected.is_contiguous(memory_format=layout)
                assert y.is_contiguous(memory_format=layout) == same
    assert torch.equal(alone, expected)
    is_full = torch.tensor([p == FULL for p in PRESENT])
    assert torch.equal(mixed[is_full], expected[is_full])
    for y, z in zip(mixed[~is_full], expected[~is_full], strict=True):
        assert not torch.equal(y, z)


@on_every_layer
def test_mixed_batch_equals_its_samples_one_by_one(
    kind, stack, methods, train_rows
):
    _, network, x = make(kind, stack, methods, torch.float64)
    train_rows(network.adapters)
    mixed = run(network, x, PRESENT)
    for i, present in enumerate(PRESENT):
        alone = run(network, x[i : i + 1], [present])[0]
        torch.testing.assert_close(mixed[i], alone)


@pytest.mark.parametrize('optimizer', ['AdamW', 'SGD'])
@on_every_layer
def test_only_drawn_rows_learn(kind, stack, methods, optimizer):
    _, network, x = make(kind, stack, methods)
    bank = network.adapters
    settings = {
        'AdamW': {'lr': 0.1, 'weight_decay': 0.1},
        'SGD': {'lr': 1e-3, 'momentum': 0.9, 'weight_decay': 0.1},
    }
    # All parameters, as mmengine gives them: the frozen base included.
    optimizer = getattr(torch.optim, optimizer)(
        network.parameters(), **settings[optimizer]
    )
    start = {k: v.clone() for k, v in network.state_dict().items()}
    for drawn in (RGB, DEPTH, FULL, RGB):
        before = {k: v.clone() for k, v in bank.rows.table.items()}
        network.train()
        optimizer.zero_grad()
        y = run(network, x, [FULL, drawn, FULL, drawn, FULL])
        y.pow(3).sum().backward()
        optimizer.step()
        for name, row in bank.rows.table.items():
            if tuple(stack.present(name)[0].tolist()) == drawn:
                assert row.grad.any()
                assert not torch.equal(row, before[name])
            else:
                assert row.grad is None
                assert torch.equal(row, before[name])
    for key, value in network.state_dict().items():
        if not key.startswith('adapters.'):
            assert torch.equal(value, start[key])
    assert all(w.grad is None for w in network.layer.parameters())


@on_every_layer
def test_train_mode_leaves_buffers_alone(kind, stack, methods):
    base, network, x = make(kind, stack, methods)
    assert network.train() is network
    assert network.adapters.training and not network.layer.training
    y = run(network, x, [FULL] * len(x))
    assert torch.equal(y, base(x))
    for name, buffer in base.named_buffers():
        assert torch.equal(network.get_buffer(name), buffer)


@pytest.mark.parametrize('present', [FULL, RGB, DEPTH])
@on_every_layer
def test_folded_equals_unfolded(kind, stack, methods, train_rows, present):
    base, network, x = make(kind, stack, methods, torch.float64)
    train_rows(network.adapters)
    y = run(network, x, [present] * len(x))
    if any(method.unfoldable for method in methods):
        with pytest.raises(ValueError, match='cannot be folded: a bottlen'):
            fold(network, stack.names_of(torch.tensor([present]))[0])
        return
    gained = fold(network, stack.names_of(torch.tensor([present]))[0])
    needs_bias = bool(set(methods) - {Scale, LowRank})
    assert gained == ['layer'] * (base.layer.bias is None and needs_bias)
    assert not hasattr(network, 'adapters') and not network.layer._modules
    assert not network.layer._forward_hooks
    torch.testing.assert_close(network(x), y, rtol=0, atol=1e-10)
    if present != FULL:
        assert (y - base(x)).abs().max() > 1e-3


@on_every_layer
def test_deepcopy_is_independent(kind, stack, methods, train_rows):
    _, network, x = make(kind, stack, methods)
    train_rows(network.adapters)
    twin = copy.deepcopy(network)
    y = run(network, x, PRESENT)
    assert torch.equal(run(twin, x, PRESENT), y)
    with network.adapters.told(PRESENT), pytest.raises(RuntimeError):
        twin(x)
    train_rows(twin.adapters, seed=7)
    assert torch.equal(run(network, x, PRESENT), y)
    assert not torch.equal(run(twin, x, PRESENT), y)


@on_every_layer
def test_save_and_load(kind, stack, methods, train_rows, tmp_path):
    base, network, x = make(kind, stack, methods)
    train_rows(network.adapters)
    save_adapter(network, tmp_path / 'adapter.safetensors')
    hang(base, stack, methods)
    load_adapter(base, tmp_path / 'adapter.safetensors')
    assert torch.equal(run(base, x, PRESENT), run(network, x, PRESENT))


@on_every_layer
def test_state_dict(kind, stack, methods, train_rows):
    base, network, x = make(kind, stack, methods)
    keys = set(base.state_dict())
    train_rows(network.adapters)
    state = network.state_dict()
    assert set(state) - keys == {
        'adapters.rows.table.rgb',
        'adapters.rows.table.depth',
        'adapters.rows.anchor',
        'adapters.samples_seen',
    }
    hang(base, stack, methods)
    base.load_state_dict(state)
    assert torch.equal(run(base, x, PRESENT), run(network, x, PRESENT))


@with_every_row_mode
@on_every_layer
def test_row_modes(kind, stack, methods, rows, train_rows):
    """Identity at start; full is the base, whatever was learnt; mixing."""
    base, network, x = make(kind, stack, methods, torch.float64, rows)
    network.adapters.samples_seen += 1
    assert torch.equal(run(network, x, PRESENT), base(x))
    train_rows(network.adapters)
    mixed = run(network, x, PRESENT)
    for i, present in enumerate(PRESENT):
        alone = run(network, x[i : i + 1], [present])[0]
        torch.testing.assert_close(mixed[i], alone)
        assert torch.equal(alone, base(x)[i]) == (present == FULL)


@with_every_row_mode
@on_every_layer
def test_row_modes_learn(kind, stack, methods, rows):
    """A step moves what was drawn, and nothing that is of the base."""
    base, network, x = make(kind, stack, methods, torch.float64, rows)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3)
    for _ in range(2):
        network.train()
        optimizer.zero_grad()
        y = run(network, x, [FULL, RGB, FULL, RGB, FULL])
        y.pow(3).sum().backward()
        optimizer.step()
    y = run(network, x, PRESENT)
    is_rgb = torch.tensor([p == RGB for p in PRESENT])
    assert not torch.equal(y[is_rgb], base(x)[is_rgb])
    is_full = torch.tensor([p == FULL for p in PRESENT])
    assert torch.equal(y[is_full], base(x)[is_full])
    if rows in ('table', 'additive'):
        is_depth = torch.tensor([p == DEPTH for p in PRESENT])
        assert torch.equal(y[is_depth], base(x)[is_depth])
    for key, value in base.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


@with_every_row_mode
@on_every_layer
def test_row_modes_save_and_load(
    kind, stack, methods, rows, train_rows, tmp_path
):
    base, network, x = make(kind, stack, methods, rows=rows)
    train_rows(network.adapters)
    save_adapter(network, tmp_path / 'adapter.safetensors')
    hang(base, stack, methods, rows)
    load_adapter(base, tmp_path / 'adapter.safetensors')
    assert torch.equal(run(base, x, PRESENT), run(network, x, PRESENT))
