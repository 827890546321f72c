"""Adapters that start from an adapter file."""

import pytest
import torch

from mmseg_missing.adapters import read_adapter
from mmseg_missing.engine.hooks import adapter_checkpoint_hook

ADAPTER = {'type': 'ScaleShift', 'rows': 'table'}
STILL = {'optimizer': {'type': 'SGD', 'lr': 0.0}}


@pytest.fixture
def join(base):
    return {'type': 'AdapterCheckpointHook', 'base': base}


@pytest.fixture
def learn(make_runner, join, tmp_path):
    """Return a function that gives the adapter file of a short training."""

    def learn(folder='first', iters=3, **adapter):
        runner = make_runner(
            adapter={**ADAPTER, **adapter},
            hooks=[join],
            folder=folder,
            iters=iters,
        )
        runner.train()
        return str(tmp_path / folder / 'adapter.safetensors')

    return learn


@pytest.fixture
def start(make_runner, join):
    """Return a function that starts from a file, and learns nothing more."""

    def start(file, optim=STILL, hooks=(), **adapter):
        runner = make_runner(
            adapter={**ADAPTER, **adapter},
            hooks=[{**join, 'init': file}, *hooks],
            optim=optim,
            iters=1,
        )
        runner.train()
        return runner

    return start


@pytest.fixture
def said(monkeypatch):
    """What the hook logs."""
    lines = []
    monkeypatch.setattr(
        adapter_checkpoint_hook,
        'print_log',
        lambda text, **_: lines.append(text),
    )
    return lines


def test_rows_and_counts_are_those_of_the_file(learn, start, said):
    file = learn()
    bank = start(file).model.adapters
    metadata, rows = read_adapter(file)
    for name, row in rows.items():
        assert row.any()
        assert torch.equal(bank.rows.table[name].detach(), row)
    seen = dict(zip(bank.rows.names, bank.samples_seen.tolist()))
    assert seen == {n: c + 1 for n, c in metadata['samples_seen'].items()}
    assert said == [f"rows of rgb, depth start from '{file}'"]


def test_rows_learn_on(learn, start):
    file = learn()
    rows = start(file, optim=None).model.adapters.rows.table
    assert not torch.equal(rows['rgb'], read_adapter(file)[1]['rgb'])


def test_combinations_that_match(learn, start, said):
    file = learn(combinations=['rgb'])
    bank = start(file).model.adapters
    assert torch.equal(bank.rows.table['rgb'], read_adapter(file)[1]['rgb'])
    assert not bank.rows.table['depth'].any()
    assert said[0].endswith(', those of depth do not')


def test_another_row_mode(learn, start):
    """For two modalities a vector per missing one is a row each."""
    file = learn()
    rows = start(file, rows='additive').model.adapters.rows
    _, table = read_adapter(file)
    torch.testing.assert_close(rows.missing['depth'].detach(), table['rgb'])
    torch.testing.assert_close(rows.missing['rgb'].detach(), table['depth'])


def test_hyper_rows_have_no_rows_to_set(learn, start):
    with pytest.raises(ValueError, match=r"rows` to 'table'"):
        start(learn(), rows='hyper')


@pytest.mark.parametrize(
    ('adapter', 'word'),
    [
        ({'sites': ['backbone.conv1']}, 'choice of sites'),
        ({'type': 'Shift'}, 'another method'),
    ],
)
def test_other_adapters_are_refused(learn, start, adapter, word):
    with pytest.raises(ValueError, match=word):
        start(learn(), **adapter)


def test_no_common_combination(learn, start):
    file = learn(combinations=['rgb'])
    with pytest.raises(ValueError, match='nothing to start from'):
        start(file, combinations=['depth'])


def test_another_base_is_refused(learn, start, join, base):
    file = learn()
    saved = torch.load(base, weights_only=True)
    saved['state_dict']['backbone.conv1.weight'] += 1
    torch.save(saved, base)
    with pytest.raises(ValueError, match='another base'):
        start(file)


def test_no_such_file(start):
    with pytest.raises(FileNotFoundError, match=r'none\.safetensors'):
        start('none.safetensors')


def test_a_resumed_run_does_not_start_again(learn, make_runner, join):
    file = learn()
    hooks = [{**join, 'init': file}, {'type': 'RandomStateHook'}]
    stop = {'type': 'StopHook', 'after': 4}
    settings = {'adapter': ADAPTER, 'iters': 6}
    whole = make_runner(folder='whole', hooks=hooks, **settings)
    whole.train()
    with pytest.raises(KeyboardInterrupt):
        make_runner(hooks=[*hooks, stop], **settings).train()
    resumed = make_runner(hooks=hooks, resume=True, **settings)
    resumed.train()
    for name, row in resumed.model.adapters.rows.table.items():
        assert torch.equal(row, whole.model.adapters.rows.table[name])
