"""Gradients of several small batches make one step: `accumulative_counts`."""

import pytest
import torch

ADAPTER = {'type': 'ScaleShift', 'rows': 'table'}
SGD = {'optimizer': {'type': 'SGD', 'lr': 1.0, 'weight_decay': 0.0}}


@pytest.fixture
def adapt(make_runner, base):
    """Return a function that adapts without a schedule, and gives all."""

    def adapt(batch_size, optim=SGD, **settings):
        runner = make_runner(
            adapter=ADAPTER,
            hooks=[{'type': 'AdapterCheckpointHook', 'base': base}],
            folder=f'run_{batch_size}',
            batch_size=batch_size,
            iters=12 // batch_size,
            interval=12 // batch_size,
            optim=optim,
            schedule=False,
            validate=False,
            **settings,
        )
        runner.train()
        return runner

    return adapt


@pytest.mark.parametrize('kind', ['OptimWrapper', 'AmpOptimWrapper'])
def test_rows_move_as_with_the_larger_batch(adapt, kind):
    large = adapt(6, {**SGD, 'type': kind})
    small = adapt(2, {**SGD, 'type': kind, 'accumulative_counts': 3})
    plain = adapt(2, {**SGD, 'type': kind})
    # bfloat16 rounds sums of gradients that come in other groups.
    close = {} if kind == 'OptimWrapper' else {'rtol': 0.05, 'atol': 0.02}
    for name, row in large.model.adapters.rows.table.items():
        assert row.any()
        torch.testing.assert_close(
            small.model.adapters.rows.table[name], row, **close
        )
        assert not torch.equal(plain.model.adapters.rows.table[name], row)


def test_samples_and_turns_are_counted_alike(adapt):
    optim = {**SGD, 'accumulative_counts': 3}
    seen = [
        runner.model.adapters.samples_seen.tolist()
        for runner in (adapt(6), adapt(2, optim))
    ]
    assert seen[0] == seen[1] == [6, 6]


def test_a_row_that_none_of_them_drew_stays(adapt):
    """Weight decay pulls at rows that were drawn, and at no other."""
    optim = {
        'optimizer': {'type': 'AdamW', 'lr': 0.1, 'weight_decay': 1.0},
        'accumulative_counts': 3,
    }
    sampler = {'type': 'round_robin', 'combinations': ['depth']}
    rows = adapt(2, optim, sampler=sampler).model.adapters.rows.table
    assert rows['depth'].any()
    assert not rows['rgb'].any()
