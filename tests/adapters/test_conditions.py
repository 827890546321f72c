"""Rows that a small network writes from images, or from texts."""

import pytest
import torch

from mmseg_missing.adapters import (
    HyperRows,
    attach,
    fold,
    load_adapter,
    read_rows,
    save_adapter,
)
from mmseg_missing.modality import Stack

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
IMAGE = {'type': 'hyper', 'condition': 'image'}
TEXTS = {
    'rgb': torch.tensor([[1.0, 2.0, 0.0], [0.0, 2.0, 1.0]]),
    'depth': torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]]),
}


def text(vectors):
    return {
        'type': 'hyper',
        'condition': {'type': 'text', 'vectors': vectors},
    }


def with_rows(network, stack, rows):
    """Attach rows that look as if they had been trained."""
    torch.manual_seed(0)
    bank = attach(network, stack, rows=rows)
    bank.rows.basis.data.normal_(0, 0.3)
    bank.samples_seen += 7
    return bank


@pytest.fixture
def bank(make_network, stack):
    return with_rows(make_network(), stack, IMAGE)


def test_rows_follow_the_image(bank, x):
    numbers = bank.numbers([RGB, RGB], x)
    assert not torch.allclose(numbers[0], numbers[1])
    brighter = torch.cat([x[:1] + 1, x[1:]])
    again = bank.numbers([RGB, RGB], brighter)
    assert not torch.allclose(again[0], numbers[0])
    assert torch.equal(again[1], numbers[1])  # each sample by itself


@pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e9])
def test_what_is_absent_has_no_influence(bank, x, value):
    expected = bank.numbers([RGB, DEPTH], x)
    spoilt = x.clone()
    spoilt[0, 3:], spoilt[1, :3] = value, -value
    assert torch.equal(bank.numbers([RGB, DEPTH], spoilt), expected)


def test_images_have_their_mean_and_spread(bank):
    """By hand: b1, one weight of the mean and one of the spread."""
    rows = bank.rows
    for parameter in (rows.w1, rows.w_image):
        parameter.data.zero_()
    rows.w_image.data[0, 0], rows.w_image.data[4, 0] = 1, 2  # of red
    image = torch.zeros(1, 4, 1, 2)
    image[0, 0, 0] = torch.tensor([0.5, 4.5])  # mean 2.5, spread 2
    inner = rows.b1.detach().clone()
    inner[0] += torch.tanh(torch.tensor(2.5)) + 2 * torch.tanh(
        torch.tensor(1.0)
    )
    h = torch.nn.functional.gelu(inner) @ rows.w2 + rows.b2
    expected = bank.identity + h / rows.rank @ rows.basis
    torch.testing.assert_close(bank.numbers([RGB], image)[0], expected)


@pytest.mark.parametrize('value', [torch.nan, torch.inf, 1e6, 1e30])
def test_corrupted_images_do_not_let_rows_drift(bank, x, value):
    """No further than an image that is bright, or of no contrast."""
    spoilt = x.clone()
    spoilt[:, 0] = value
    numbers = bank.numbers([RGB, RGB], spoilt)
    assert numbers.isfinite().all()
    bright = x.clone()
    bright[:, 0] = 20.0
    usual = bank.numbers([RGB, RGB], bright)
    assert (numbers - usual).abs().max() < 3 * usual.abs().max()


def test_all_present_is_the_base(bank, make_network, x):
    assert torch.equal(
        bank.numbers([FULL, FULL], x), bank.identity.expand(2, -1)
    )
    mixed = bank.numbers([FULL, RGB], x)
    assert torch.equal(mixed[0], bank.identity)
    assert not torch.equal(mixed[1], bank.identity)


def test_what_differs_from_image_to_image_is_not_written_out(
    make_network, stack, x, tmp_path
):
    network = make_network()
    with_rows(network, stack, IMAGE)
    path = tmp_path / 'a.safetensors'
    save_adapter(network, path)
    for wrong in (
        lambda: fold(network, 'rgb'),
        lambda: read_rows(path),
        lambda: network.adapters.told([RGB]).__enter__(),
        lambda: save_adapter(network, path, combinations=['rgb']),
    ):
        with pytest.raises(ValueError, match='differ from image to image'):
            wrong()


def test_files_of_the_usual_condition_are_as_ever(make_network, stack):
    bank = attach(make_network(), stack, rows='hyper')
    assert bank.row_options == {'rank': 8, 'hidden': 64}
    given = {'type': 'hyper', 'condition': 'present'}
    again = attach(make_network(), stack, rows=given)
    assert again.row_options == bank.row_options
    assert [*again.rows.state_dict()] == [*bank.rows.state_dict()]


def test_texts_serve_what_was_never_missing(make_network, x):
    """Trained without RGB and thermal, it repairs what lacks depth."""
    three = Stack(
        [
            {'name': 'rgb', 'channels': 2},
            {'name': 'depth', 'channels': 1},
            {'name': 'thermal', 'channels': 1},
        ]
    )
    texts = {**TEXTS, 'thermal': TEXTS['depth'].flip(0) + 1}
    has = (False, True, True), (True, True, False)
    asked = [(True, False, True)]
    for rows, is_served in ((text(texts), True), ('hyper', False)):
        bank = attach(make_network(), three, rows=rows)
        assert not bank.served
        bank.samples_seen += bank.count(has)
        assert ('rgb+thermal' in bank.served) == is_served
        assert 'depth' in bank.served
    # And its row is one of its own.
    bank = with_rows(make_network(), three, text(texts))
    row = bank.numbers(asked)
    for other in has:
        assert not torch.allclose(row, bank.numbers([other]))


def test_one_projection_of_all_texts(make_network, stack):
    """Modalities of the same texts are the same to the network."""
    same = {'rgb': TEXTS['rgb'], 'depth': TEXTS['rgb']}
    bank = with_rows(make_network(), stack, text(same))
    torch.testing.assert_close(bank.numbers([RGB]), bank.numbers([DEPTH]))
    other = with_rows(make_network(), stack, text(TEXTS))
    assert not torch.allclose(other.numbers([RGB]), other.numbers([DEPTH]))
    assert other.rows.projection.shape == (3, 64)


def test_texts_lie_in_the_file_and_never_learn(
    make_network, stack, x, tmp_path
):
    network, path = make_network(), tmp_path / 'a.safetensors'
    bank = with_rows(network, stack, text(TEXTS))
    start = bank.rows.vectors.detach().clone()
    torch.testing.assert_close(start.norm(dim=2), torch.ones(2, 2))
    optimizer = torch.optim.AdamW(bank.parameters(), 0.1, weight_decay=0.5)
    with bank.told([RGB, DEPTH]):
        network(x).pow(2).sum().backward()
    optimizer.step()
    assert torch.equal(bank.rows.vectors, start)
    assert bank.rows.projection.grad.any()
    save_adapter(network, path)
    assert bank.row_options['condition'] == 'text:2x3'
    # Elsewhere without a file of vectors, as an adapter file asks for it.
    other = make_network()
    attach(other, stack, rows={'type': 'hyper', **bank.row_options})
    load_adapter(other, path)
    with bank.told([RGB, DEPTH]), other.adapters.told([RGB, DEPTH]):
        assert torch.equal(other(x), network(x))
    assert {*read_rows(path)[1]} == {'rgb', 'depth'}


@pytest.mark.parametrize(
    ('condition', 'words'),
    [
        ('texts', "takes 'present', 'image' or dict"),
        ('text', "takes 'present', 'image' or dict"),
        ({'type': 'text'}, 'takes `file`'),
        ({'type': 'text', 'vectors': {}}, "no vectors of 'rgb'"),
        (
            {'type': 'text', 'vectors': {'rgb': TEXTS['rgb']}},
            "no vectors of 'depth', only of",
        ),
        (
            {'type': 'text', 'vectors': {**TEXTS, 'rgb': torch.ones(1, 3)}},
            'as many vectors of one size',
        ),
        (
            {
                'type': 'text',
                'vectors': dict.fromkeys(TEXTS, torch.ones(2, 3)),
            },
            'vectors that differ',
        ),
        (
            {
                'type': 'text',
                'vectors': {**TEXTS, 'rgb': torch.full((2, 3), torch.nan)},
            },
            'are finite',
        ),
    ],
)
def test_wrong_conditions(stack, condition, words):
    with pytest.raises(ValueError, match=words):
        HyperRows(stack, 5, condition=condition)
