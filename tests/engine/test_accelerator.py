"""A Runner on an accelerator: mixed precision, stopping and resuming."""

import pytest
import torch

pytestmark = pytest.mark.gpu


@pytest.fixture
def hooks(base):
    return [
        {'type': 'RandomStateHook'},
        {'type': 'AdapterCheckpointHook', 'base': base},
        {'type': 'FrozenBaseCheckHook'},
    ]


@pytest.mark.parametrize('dtype', [None, 'float16', 'bfloat16'])
def test_a_resumed_run_is_the_same(make_runner, hooks, accelerator, dtype):
    if accelerator.type == 'cpu' and dtype == 'float16':
        pytest.skip('float16 needs a GPU')
    optim = {'type': 'AmpOptimWrapper', 'dtype': dtype} if dtype else {}
    adapter = {'type': 'ScaleShift'}

    def make(folder, more=(), resume=False):
        return make_runner(
            adapter=adapter,
            optim=optim,
            hooks=[*hooks, *more],
            folder=folder,
            resume=resume,
        )

    whole = make('whole')
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        make('parts', [{'type': 'StopHook', 'after': 4}]).train()
    resumed = make('parts', resume=True)
    resumed.train()
    expected, found = (r.model.adapters.rows.table for r in (whole, resumed))
    for name, row in expected.items():
        assert row.device.type == accelerator.type and row.any()
        # Atomic sums of a backward pass come in any order on a GPU.
        torch.testing.assert_close(found[name], row, rtol=1e-3, atol=1e-5)
