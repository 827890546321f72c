"""RMM and NM on normalised batches."""

import pytest
import torch

from mmseg_missing.corruptions import (
    NM_LEVELS,
    RMM_RATES,
    NoisyLevel,
    add_sensor_noise,
    drop_values,
)
from mmseg_missing.modality import Modality, Stack

STACK = Stack(
    [
        Modality('rgb', 3),
        Modality('depth', 1),
        Modality('event', 2),
    ]
)
H, W = 61, 67


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 6, H, W, generator=generator) + 1


@pytest.mark.parametrize('rate', RMM_RATES)
def test_values_of_failed_modalities_are_lost_one_by_one(inputs, rate):
    available = (False, True, False)
    outputs = drop_values(inputs, STACK, available, rate, seeds=(3, 4))
    assert torch.equal(outputs[:, 3], inputs[:, 3])
    lost = outputs == 0
    for channel in (0, 1, 2, 4, 5):
        share = lost[:, channel].float().mean().item()
        assert share == pytest.approx(rate, abs=0.02)
    assert torch.equal(outputs[~lost], inputs[~lost])
    assert not torch.equal(lost[:, 0], lost[:, 1])  # elements, not pixels
    assert not torch.equal(lost[:, 0], lost[:, 4])  # by modality


@pytest.mark.parametrize('rate', RMM_RATES)
def test_blocks_are_lost_in_all_channels_of_a_modality(rate):
    inputs = torch.ones(40, 6, H, W)
    outputs = drop_values(
        inputs, STACK, (False, True, False), rate, range(40), by_block=True
    )
    lost = outputs == 0
    assert not lost[:, 3].any()
    assert torch.equal(lost[:, 0], lost[:, 2])
    assert not torch.equal(lost[:, 0], lost[:, 4])  # by modality
    share = lost[:, 0].float().mean().item()
    assert share == pytest.approx(rate, abs=0.04)
    side = H // 8
    blocks = lost[:, 0, :side, :side]
    assert torch.equal(blocks, blocks[:, :1, :1].expand_as(blocks))
    assert not torch.equal(lost[:, 0, side - 1], lost[:, 0, side])


def test_everything_available_is_unchanged(inputs):
    outputs = drop_values(inputs, STACK, (True,) * 3, 0.75, (0, 1))
    assert torch.equal(outputs, inputs)


@pytest.mark.parametrize('level', NM_LEVELS)
def test_salt_and_pepper_on_all_gaussian_on_some(inputs, level):
    level = NM_LEVELS[level]
    outputs = add_sensor_noise(inputs, STACK, level, seeds=(0, 1))
    event, before = outputs[0, 4:], inputs[0, 4:]
    struck = (event != before).all(0)
    assert struck.float().mean().item() == pytest.approx(
        level.density, abs=0.02
    )
    assert torch.equal(event[:, ~struck], before[:, ~struck])
    extremes = torch.stack(before.aminmax())
    assert set(event[:, struck].unique().tolist()) == set(extremes.tolist())
    for channel in (0, 3):
        noise = (outputs - inputs)[:, channel]
        middle = noise.quantile(0.75) - noise.quantile(0.25)  # no outliers
        sigma = middle.item() / 1.35
        assert level.sigma * 0.95 < sigma < level.sigma * 1.6


CALLS = {
    'RMM': lambda x, seeds: drop_values(
        x, STACK, (False, False, True), 0.5, seeds
    ),
    'RMM-blocks': lambda x, seeds: drop_values(
        x, STACK, (False, False, True), 0.5, seeds, by_block=True
    ),
    'NM': lambda x, seeds: add_sensor_noise(x, STACK, NM_LEVELS['mid'], seeds),
}


@pytest.mark.parametrize('protocol', CALLS)
def test_an_image_meets_the_same_in_any_batch(inputs, protocol):
    call = CALLS[protocol]
    both = call(inputs, (8, 9))
    torch.testing.assert_close(
        call(inputs[1:], (9,))[0], both[1], rtol=0, atol=0
    )
    swapped = call(inputs.flip(0), (9, 8)).flip(0)
    assert torch.equal(swapped, both)
    assert not torch.equal(call(inputs, (8, 10))[1], both[1])


@pytest.mark.parametrize('protocol', CALLS)
def test_inputs_are_left_as_they_are(inputs, protocol):
    before = inputs.clone()
    CALLS[protocol](inputs, (0, 1))
    assert torch.equal(inputs, before)


@pytest.mark.parametrize('rate', [-0.1, 1.1, float('nan'), None, 'x', True])
def test_rates_are_probabilities(rate):
    stack = Stack([{'name': 'rgb'}])
    inputs = torch.ones(1, 3, 5, 7)
    with pytest.raises((ValueError, TypeError), match='`rate`'):
        drop_values(inputs, stack, (False,), rate, [0])
    with pytest.raises((ValueError, TypeError), match='`density`'):
        NoisyLevel(rate, 0.1)
    with pytest.raises(ValueError, match='`available` needs 1 entries'):
        drop_values(inputs, stack, (False, True), 0.5, [0])
