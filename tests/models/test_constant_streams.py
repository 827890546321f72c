"""What an absent modality's stream computes, computed once."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
# Where each modality's stream begins, and the part of it that is reused.
PARTS = {
    'cmnext': ('stages.0', 'extra_stages.0'),
    'cmx': ('streams.0.stages.0', 'streams.1.stages.0'),
    'mmsformer': ('streams.0', 'streams.1'),
    'resnet streams': ('streams.0', 'streams.1'),
    'mscan streams': ('streams.0', 'streams.1'),
}


@pytest.fixture(params=PARTS)
def reused(request, make_pair):
    """A model with trained adapters and its modalities' first parts."""
    _, model = make_pair(request.param)
    backbone = model.backbone
    return model, [backbone.get_submodule(p) for p in PARTS[request.param]]


@pytest.fixture
def runs():
    """Return a function that makes a module count its runs."""

    def count(module):
        calls = []
        module.register_forward_hook(lambda *_: calls.append(1))
        return calls

    return count


def computed(model, *args):
    """The output without any reuse."""
    with torch.enable_grad():
        return model(*args).detach()


@torch.no_grad()
@pytest.mark.parametrize(('present', 'absent'), [(RGB, 1), (DEPTH, 0)])
def test_second_run_equals_the_first(
    reused, runs, make_samples, inputs, present, absent
):
    model, parts = reused
    calls = [runs(part) for part in parts]
    one, others = inputs[:1], inputs.flip(0)
    samples = make_samples([present])
    expected = computed(model, one, samples)
    assert torch.equal(model(one, samples), expected)
    for count in calls:
        count.clear()
    assert torch.equal(model(one, samples), expected)
    pair = make_samples([present, present])
    ours = model(others, pair)
    assert not calls[absent]
    assert len(calls[1 - absent]) == 2
    # Batches of another size sum in another order.
    assert_close(ours, computed(model, others, pair), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_what_is_drawn_in_a_test_is_drawn_anew(
    make_pair, make_samples, inputs
):
    """Dropout may stay on, to sample; kept, it would be one draw for all."""
    _, model = make_pair('cmx')
    [block] = model.backbone.streams[1].stages[0].blocks
    block.drop_path = nn.Dropout(0.5).eval()
    args = inputs[:1], make_samples([RGB])
    assert torch.equal(model(*args), model(*args))
    block.drop_path.train()
    assert not torch.equal(model(*args), model(*args))


@torch.no_grad()
def test_a_batch_that_mixes_computes_everything(
    reused, runs, make_samples, inputs
):
    model, parts = reused
    calls = [runs(part) for part in parts]
    model(inputs, make_samples([RGB, FULL]))
    assert [len(count) for count in calls] == [1, 1]


@torch.no_grad()
def test_a_stream_of_several_modalities_waits_for_all(
    make_segmentor, runs, make_samples, inputs
):
    model = make_segmentor(
        (
            {
                'type': 'CMX',
                'embed_dims': (8, 16, 40, 64),
                'depths': (1, 1, 1, 1),
                'in_channels': [2, [1, 1]],
            },
            [8, 16, 40, 64],
        ),
        stack=[
            {'name': name, 'channels': c} for name, c in zip('abc', (2, 1, 1))
        ],
    )
    calls = runs(model.backbone.streams[1].stages[0])
    for present, expected in {
        (True, True, False): 2,
        (True, False, True): 2,
        (True, False, False): 1,
    }.items():
        calls.clear()
        args = inputs[:1], make_samples([present])
        assert torch.equal(model(*args), model(*args))
        assert len(calls) == expected


@torch.no_grad()
def test_other_rows_sizes_and_fills_are_other_results(
    make_pair, make_samples, inputs
):
    _, model = make_pair('resnet streams')
    for image in (inputs[:1], inputs[:1, :, :, :32], inputs[:1].double()):
        model.to(image.dtype)
        for fill in ('zero', 'black', 'noise', 'copy:rgb'):
            model.fill = {'rgb': 'zero', 'depth': fill}
            for present in (RGB, DEPTH, FULL):
                samples = make_samples([present])
                expected = computed(model, image, samples)
                for _ in range(2):
                    assert torch.equal(model(image, samples), expected)


@torch.no_grad()
def test_changed_weights_are_seen(make_pair, make_samples, inputs):
    _, model = make_pair()
    args = inputs[:1], make_samples([RGB])
    before = model(*args)
    row = model.adapters.rows.table['rgb']
    stage = model.backbone.extra_stages[0]
    for tensor in (row, stage.norm.weight, stage.blocks[0].norm1.running_mean):
        tensor.add_(0.5)
        after = model(*args)
        assert not torch.equal(after, before)
        assert torch.equal(after, computed(model, *args))
        before = after


@torch.no_grad()
def test_weights_changed_past_their_version_are_seen_in_the_next_mode(
    make_pair, make_samples, inputs
):
    _, model = make_pair()
    args = inputs[:1], make_samples([RGB])
    before = model(*args)
    # As EMAHook exchanges weights, before a loop calls eval().
    model.backbone.extra_stages[0].norm.weight.data.add_(0.5)
    after = model.eval()(*args)
    assert not torch.equal(after, before)
    assert torch.equal(after, computed(model, *args))


@torch.no_grad()
def test_bypassed_adapters_are_another_result(make_pair, make_samples, inputs):
    base, model = make_pair()
    args = inputs[:1], make_samples([RGB])
    for _ in range(2):
        adapted = model(*args)
        assert torch.equal(adapted, computed(model, *args))
        with model.adapters.bypassed():
            assert torch.equal(model(*args), base(*args))


@torch.no_grad()
def test_fills_that_differ_per_image_are_computed(
    make_pair, runs, make_samples, inputs
):
    _, model = make_pair('resnet streams')
    calls = runs(model.backbone.streams[1])
    for fill in ('noise', 'copy:rgb'):
        model.fill = {'rgb': 'zero', 'depth': fill}
        for _ in range(2):
            model(inputs, make_samples([RGB, RGB]))
    assert len(calls) == 4


@torch.no_grad()
def test_what_is_kept_cannot_be_written_to(make_pair, make_samples, inputs):
    _, model = make_pair('resnet streams')
    args = inputs[:1], make_samples([RGB])
    expected = model(*args)
    for fusion in model.backbone.fusions:
        fusion.register_forward_pre_hook(
            lambda _, args: [feature.zero_() for feature in args[0]] and None
        )
    model(*args)
    for fusion in model.backbone.fusions:
        fusion._forward_pre_hooks.clear()
    assert torch.equal(model(*args), expected)


@torch.no_grad()
def test_memory_is_bounded(make_pair, make_samples, inputs, monkeypatch):
    module = 'mmseg_missing.models.utils.constant_streams.MAX_BYTES'
    _, model = make_pair('resnet streams')
    kept = model.backbone.constant._kept
    for width in (32, 64):
        model(inputs[:1, :, :, :width], make_samples([RGB]))
    assert len(kept) == 2
    monkeypatch.setattr(module, 0)
    model(inputs[:1, :, :16], make_samples([RGB]))
    assert len(kept) == 1


@torch.no_grad()
def test_a_copy_of_the_network_computes_its_own(
    make_pair, make_samples, inputs
):
    _, model = make_pair()
    args = inputs[:1], make_samples([RGB])
    model(*args)
    twin = copy.deepcopy(model)
    assert not twin.backbone.constant._kept
    twin.backbone.extra_stages[0].norm.weight.add_(1)
    assert not torch.equal(twin(*args), model(*args))
    assert twin.backbone.constant._kept


def test_training_computes_everything(make_pair, runs, make_samples, inputs):
    _, model = make_pair('resnet streams')
    calls = runs(model.backbone.streams[1])
    for _ in range(2):
        model(inputs, make_samples([RGB, RGB])).sum().backward()
    assert len(calls) == 2
    assert model.adapters.rows.table['rgb'].grad.any()
