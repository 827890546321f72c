"""MMEngine's `activation_checkpointing` in a real run."""

import pytest
import torch

ADAPTER = {'type': 'ScaleShift'}


@pytest.mark.parametrize('parts', ['backbone', ['backbone.layer1.0']])
def test_a_run_learns_the_same(make_runner, base, parts):
    hooks = [{'type': 'AdapterCheckpointHook', 'base': base}]
    settings = {'adapter': ADAPTER, 'hooks': hooks, 'iters': 3}
    plain = make_runner(folder='plain', **settings)
    plain.train()
    runner = make_runner(
        folder='run', keys={'activation_checkpointing': parts}, **settings
    )
    runner.train()
    assert 'forward' in vars(runner.model.get_submodule('backbone')) or (
        'forward' in vars(runner.model.backbone.layer1[0])
    )
    state = plain.model.state_dict()
    for key, value in runner.model.state_dict().items():
        torch.testing.assert_close(value, state[key])
    assert runner.model.adapters.rows.table['rgb'].any()


def test_the_base_learns_the_same_too(make_runner):
    plain = make_runner(folder='plain', iters=3)
    plain.train()
    runner = make_runner(
        folder='run', iters=3, keys={'activation_checkpointing': 'backbone'}
    )
    runner.train()
    state = plain.model.state_dict()
    for key, value in runner.model.named_parameters():
        torch.testing.assert_close(value, state[key])


def test_a_part_that_is_not_there(make_runner):
    runner = make_runner(keys={'activation_checkpointing': ['backbone.x']})
    with pytest.raises(ValueError, match='activation_checkpointing'):
        runner.train()
