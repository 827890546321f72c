"""A run whose network has several methods at once."""

import copy

import pytest
import torch

from mmseg_missing.adapters import load_adapter, read_adapter

LIST = [
    {'type': 'ScaleShift', 'sites': ['conv1', 'bn1'], 'rows': 'additive'},
    {'type': 'LowRank', 'rank': 1, 'sites': ['conv1', 'layer1.0.conv1']},
]
CHECK = {'type': 'FrozenBaseCheckHook'}


@pytest.fixture
def train(make_runner, base):
    """Return a function that trains adapters on the base."""

    def train(adapter=LIST, init='identity', hooks=(), iters=3, **settings):
        join = {'type': 'AdapterCheckpointHook', 'base': base, 'init': init}
        runner = make_runner(
            adapter=adapter,
            hooks=[join, CHECK, *hooks],
            iters=iters,
            **settings,
        )
        runner.train()
        return runner

    return train


def rows_of(model):
    return {
        n: r.detach().clone() for n, r in model.adapters.rows.missing.items()
    }


def test_it_learns_and_its_file_loads(train, make_runner, base, tmp_path):
    before = copy.deepcopy(LIST)
    runner = train()
    assert before == LIST
    bank = runner.model.adapters
    assert bank.row_mode == 'additive' and bank.trained == ('rgb', 'depth')
    rows = rows_of(runner.model)
    for row in rows.values():
        parts = dict(zip([s.name for s in bank.sites], row.split(bank.widths)))
        for part in parts.values():
            assert part.any()
    path = tmp_path / 'run' / 'adapter.safetensors'
    metadata, _ = read_adapter(path)
    assert [name for name, _ in metadata['methods']] == [
        'ScaleShift',
        'LowRank',
    ]
    other = make_runner(adapter=LIST, folder='other').model
    other.load_state_dict(torch.load(base)['state_dict'], strict=False)
    load_adapter(other, path)
    for name, row in rows_of(other).items():
        assert torch.equal(row, rows[name])


def test_a_resumed_run_ends_like_one_that_did_not_stop(train):
    random = {'type': 'RandomStateHook'}
    whole = train(hooks=[random], iters=6, folder='whole')
    train(hooks=[random], iters=3, folder='parts')
    again = train(hooks=[random], iters=6, folder='parts', resume=True)
    expected = rows_of(whole.model)
    for name, row in rows_of(again.model).items():
        assert torch.equal(row, expected[name])


def test_it_starts_from_its_own_file(train, tmp_path):
    train(folder='first')
    file = str(tmp_path / 'first' / 'adapter.safetensors')
    still = {'optimizer': {'type': 'SGD', 'lr': 0.0}}
    rows = rows_of(train(init=file, optim=still).model)
    _, tensors = read_adapter(file)
    for name, row in rows.items():
        assert torch.equal(row, tensors[f'missing {name}'])


def test_averaged_rows_are_saved_beside_parts_that_learn(train, tmp_path):
    average = {'type': 'EMAHook', 'momentum': 0.5}
    runner = train(hooks=[average], trainable=['decode_head'])
    _, tensors = read_adapter(tmp_path / 'run' / 'adapter.safetensors')
    for name, row in rows_of(runner.model).items():
        assert not torch.equal(row, tensors[f'missing {name}'])


def test_moments_need_one_method(train):
    with pytest.raises(ValueError, match='moments give scales and shifts'):
        train(init='moments')


@pytest.mark.parametrize(
    ('adapter', 'words'),
    [
        ([], 'a list of them, got \\[\\]'),
        ([{'type': 'Scale'}, 'Shift'], 'or a list of them'),
        ([LIST[1], LIST[0]], r"\['rows'\].*combinations, rows, batch_major s"),
        ([LIST[0], {'type': 'LowRang'}], "unknown adapter method 'LowRang'"),
        ([LIST[0], {**LIST[1], 'hidden': 3}], 'Bottleneck has `hidden`'),
        ([LIST[0], LIST[0] | {'rows': 1}], r"unknown keys \['rows'\]"),
        ([LIST[1], LIST[1]], "LowRank hangs on 'backbone.conv1' twice"),
        ([LIST[0], {**LIST[1], 'sites': 'nowhere.json'}], 'no file of adapt'),
    ],
)
def test_lists_that_cannot_be(make_runner, adapter, words):
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        make_runner(adapter=adapter)
