"""On an accelerator: the laws that hold on a CPU, and precision.

`make test-gpu` runs them; MMSEG_MISSING_ACCELERATOR=cpu tries the tests.
"""

import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmseg_missing.adapters import fold

pytestmark = pytest.mark.gpu
FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
HALF = [torch.float16, torch.bfloat16]


@pytest.fixture(autouse=True)
def exact_products():
    """Without TF32, which has the ten bits of float16; products have none."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.fixture(scope='module')
def on_cpu(make_pair, network):
    return make_pair(network)


@pytest.fixture(scope='module')
def pair(on_cpu, accelerator):
    return [copy.deepcopy(model).to(accelerator) for model in on_cpu]


@pytest.fixture
def x(inputs, accelerator):
    return inputs.to(accelerator)


def assert_near(found, expected, share):
    error = (found.float() - expected.float()).abs().max()
    assert error <= share * expected.abs().max()


@torch.no_grad()
def test_complete_samples_are_those_of_the_base(pair, make_samples, x):
    base, model = pair
    base.requires_grad_(False)
    expected = base(x)
    assert torch.equal(model(x, make_samples([FULL, FULL])), expected)
    assert torch.equal(model(x, make_samples([FULL, RGB]))[0], expected[0])


@torch.no_grad()
def test_each_sample_by_itself(pair, make_samples, x):
    mixed = pair[1](x, make_samples([RGB, DEPTH]))
    for i, present in enumerate([RGB, DEPTH]):
        alone = pair[1](x[i : i + 1], make_samples([present]))
        assert_near(mixed[i : i + 1], alone, 1e-4)


@torch.no_grad()
def test_what_is_absent_is_not_seen(pair, make_samples, x):
    samples = make_samples([RGB, RGB])
    broken = x.clone()
    broken[:, 3:] = float('nan')
    expected = pair[1](x, samples)
    assert expected.isfinite().all()
    assert torch.equal(pair[1](broken, samples), expected)


@pytest.mark.parametrize('present', [FULL, RGB, DEPTH])
@torch.no_grad()
def test_as_on_a_cpu(on_cpu, pair, make_samples, inputs, x, present):
    samples = make_samples([present, present])
    expected = on_cpu[1](inputs, samples)
    assert_near(pair[1](x, samples).cpu(), expected, 1e-4)


@torch.no_grad()
def test_folded(pair, make_samples, x):
    samples = make_samples([RGB, RGB])
    folded = copy.deepcopy(pair[1])
    fold(folded, 'rgb')
    assert_near(folded(x, samples), pair[1](x, samples), 1e-4)


@torch.no_grad()
def test_channels_last(pair, make_samples, x):
    samples = make_samples([RGB, DEPTH])
    model = copy.deepcopy(pair[1]).to(memory_format=torch.channels_last)
    found = model(x.to(memory_format=torch.channels_last), samples)
    assert_near(found, pair[1](x, samples), 1e-4)


@torch.no_grad()
def test_a_forward_in_half_precision(pair, make_samples, x, accelerator):
    """What differs is rounding: three bits more leave much less of it."""
    base, model = pair
    base.requires_grad_(False)
    samples = make_samples([FULL, RGB])
    exact = model(x, samples)
    errors = []
    for dtype in HALF:
        with torch.autocast(accelerator.type, dtype):
            found, alone = model(x, samples), base(x)
        assert torch.equal(found[0], alone[0])
        errors.append((found.float() - exact).square().mean().sqrt())
    fine, coarse = errors
    assert 3 * fine < coarse < exact.std()


@pytest.mark.parametrize('dtype', HALF)
def test_a_step_in_half_precision(pair, make_samples, x, accelerator, dtype):
    if accelerator.type == 'cpu' and dtype == torch.float16:
        pytest.skip('float16 needs a GPU')
    model = copy.deepcopy(pair[1]).train()
    frozen = {
        name: value.clone()
        for name, value in model.named_parameters()
        if 'adapters.' not in name
    }
    rows = model.adapters.rows.table
    before = {name: row.detach().clone() for name, row in rows.items()}
    wrapper = build_optim_wrapper(
        model,
        {
            'type': 'mmseg.AmpOptimWrapper',
            'dtype': str(dtype).removeprefix('torch.'),
            'loss_scale': 512.0,
            'optimizer': {'type': 'AdamW', 'lr': 0.01},
        },
    )
    with wrapper.optim_context(model):
        loss = model.loss(x, make_samples([RGB, DEPTH]))['decode.loss_ce']
    wrapper.update_params(loss)
    assert loss.isfinite()
    moved = [
        name for name in rows if not torch.equal(rows[name], before[name])
    ]
    assert moved
    for row in rows.values():
        assert row.dtype == torch.float32 and row.isfinite().all()
    for name, value in model.named_parameters():
        if name in frozen:
            assert torch.equal(value, frozen[name]), name


@pytest.mark.parametrize('name', ['one resnet', 'resnet streams', 'cmnext'])
@torch.no_grad()
def test_compiled(name, make_pair, x, accelerator):
    torch._dynamo.reset()
    model = make_pair(name)[1].to(accelerator)
    compiled = torch.compile(model.backbone)
    for present in ([RGB, DEPTH], [FULL, RGB]):
        with model.adapters.told(present):
            levels = zip(compiled(x), model.backbone(x), strict=True)
            for found, expected in levels:
                assert_near(found, expected, 1e-3)
