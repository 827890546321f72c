"""torch.compile and torch.export of an adapted backbone."""

import pytest
import torch
from torch import nn

pytestmark = pytest.mark.skipif(
    not hasattr(torch.compiler, 'is_compiling'),
    reason='torch 2.1 and 2.2 cannot trace what a call is told',
)
FULL, RGB, DEPTH = (True, True), (True, False), (False, True)


class Told(nn.Module):
    """A backbone told for a fixed combination, as export wants it."""

    def __init__(self, backbone, bank, present):
        super().__init__()
        self.backbone, self.present = backbone, present
        self._bank = (bank,)

    def forward(self, x):
        with self._bank[0].told(self.present):
            return self.backbone(x)


slow = pytest.mark.slow


@pytest.fixture(
    scope='module',
    params=[
        'one resnet',
        pytest.param('cmnext', marks=slow),
        pytest.param('mmsformer', marks=slow),
        pytest.param('one swin', marks=slow),
    ],
)
def model(request, make_pair):
    return make_pair(request.param)[1]


@pytest.mark.parametrize(
    'backend', ['eager', pytest.param('aot_eager', marks=slow)]
)
@torch.no_grad()
def test_compile(model, inputs, backend):
    torch._dynamo.reset()
    compiled = torch.compile(model.backbone, fullgraph=True, backend=backend)
    for present in ([RGB, DEPTH], [FULL, RGB], [FULL, FULL]):
        with model.adapters.told(present):
            expected = model.backbone(inputs)
            found = compiled(inputs)
        for level, other in zip(found, expected, strict=True):
            torch.testing.assert_close(level, other)
    with pytest.raises(RuntimeError):
        compiled(inputs)


@torch.no_grad()
def test_compile_does_not_recompile(model, inputs):
    """Which combination it is changes numbers, not the graph."""
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    compiled = torch.compile(model.backbone, fullgraph=True, backend=counter)
    for present in ([RGB, DEPTH], [FULL, RGB], [FULL, FULL]):
        with model.adapters.told(present):
            compiled(inputs)
    assert counter.frame_count == 1


@torch.no_grad()
def test_export(model, inputs):
    told = Told(model.backbone, model.adapters, [RGB, DEPTH]).eval()
    exported = torch.export.export(told, (inputs,), strict=False)
    found = exported.module()(inputs)
    for level, other in zip(found, told(inputs), strict=True):
        torch.testing.assert_close(level, other)
