"""Laws of every fault, and each one against what it promises."""

import pytest
import torch

from mmseg_missing.corruptions import FAULTS, SEVERITIES, corrupt

H, W = 97, 113


@pytest.fixture
def image():
    """A smooth picture with texture and two channels, nowhere 0."""
    y, x = torch.meshgrid(
        torch.linspace(0, 1, H), torch.linspace(0, 1, W), indexing='ij'
    )
    one = 5 + 2 * torch.sin(9 * x + 4 * y) + y
    return torch.stack((one, 40 + 3 * torch.cos(23 * x) - 7 * y))


def holed(image):
    generator = torch.Generator().manual_seed(1)
    return image * (torch.rand(H, W, generator=generator) > 0.2)


@pytest.mark.parametrize('fault', FAULTS)
def test_the_same_seed_gives_the_same_and_writes_nothing(image, fault):
    before = image.clone()
    one, other = (corrupt(image, fault, 3, seed=7) for _ in range(2))
    assert torch.equal(one, other) and torch.equal(image, before)
    assert one.shape == image.shape and one.dtype == image.dtype
    assert not torch.equal(one, image)
    if fault not in ('blur', 'quantisation'):  # nothing is drawn
        others = (corrupt(image, fault, 3, seed) for seed in (8, 9, 10))
        assert not all(torch.equal(one, other) for other in others)


@pytest.mark.parametrize('fault', FAULTS)
def test_severity_is_how_far_it_goes(image, fault):
    distances = [
        sum(
            (corrupt(image, fault, severity, seed) - image).abs().mean()
            for seed in range(5)
        )
        for severity in SEVERITIES
    ]
    assert distances[0] > 0 and distances == sorted(distances)


@pytest.mark.parametrize('fault', [f for f in FAULTS if f != 'holes'])
def test_units_do_not_matter(image, fault):
    """Metres, millimetres and degrees suffer alike; 0 is what holes are."""
    other = 1000 * image + 300
    expected = 1000 * corrupt(image, fault, 4, seed=2) + 300
    torch.testing.assert_close(
        corrupt(other, fault, 4, seed=2), expected, rtol=1e-3, atol=1
    )


@pytest.mark.parametrize('fault', [f for f in FAULTS if FAULTS[f].keeps_holes])
def test_holes_stay_holes_and_touch_nothing(image, fault):
    depth = holed(image)
    is_hole = (depth == 0).all(0)
    result = corrupt(depth, fault, 3, seed=0)
    assert (result[:, is_hole] == 0).all()
    if fault == 'blur':  # a 0 that took part would pull this far down
        low = depth[:, ~is_hole].amin(1) - 1e-4
        assert (result[:, ~is_hole] >= low[:, None]).all()


@pytest.mark.parametrize('fault', ['shift', 'stale'])
def test_holes_move_with_the_picture(image, fault):
    result = corrupt(holed(image), fault, 3, seed=0)
    assert set(result.flatten().tolist()) <= set(
        holed(image).flatten().tolist()
    )


@pytest.mark.parametrize('fault', FAULTS)
def test_an_absent_modality_stays_0(fault):
    zeros = torch.zeros(2, H, W)
    assert torch.equal(corrupt(zeros, fault, 5, seed=0), zeros)


@pytest.mark.parametrize('fault', FAULTS)
def test_a_constant_picture_stays_finite(fault):
    assert corrupt(torch.full((1, 5, 7), 3.0), fault, 5, 0).isfinite().all()


def test_noise(image):
    noise = corrupt(image, 'noise', 4, seed=0) - image
    ratio = noise.std(dim=(1, 2)) / image.std(dim=(1, 2))
    torch.testing.assert_close(
        ratio, torch.tensor([0.7, 0.7]), rtol=0.05, atol=0
    )


def test_holes(image):
    result = corrupt(image, 'holes', 3, seed=0)
    gone = (result == 0).all(0)
    assert gone.float().mean().item() == pytest.approx(0.2, abs=1e-3)
    assert torch.equal(result[:, ~gone], image[:, ~gone])
    # In patches: most neighbours of a lost pixel are lost too.
    assert (gone[:, 1:] & gone[:, :-1]).sum() > 0.7 * gone.sum()


def test_quantisation(image):
    result = corrupt(image, 'quantisation', 5, seed=0)
    assert [len(channel.unique()) for channel in result] == [4, 4]
    torch.testing.assert_close(result.aminmax()[0], image.aminmax()[0])


def test_drift(image):
    difference = corrupt(image, 'drift', 4, seed=0) - image
    ratio = difference.mean(dim=(1, 2)).abs() / image.std(dim=(1, 2))
    torch.testing.assert_close(ratio, torch.ones(2), rtol=1e-2, atol=0)


def test_drift_goes_up_or_down(image):
    means = {
        (corrupt(image, 'drift', 4, seed) - image).mean().sign().item()
        for seed in range(8)
    }
    assert means == {-1, 1}


@pytest.mark.parametrize(('severity', 'pixels'), [(1, 5), (5, 20)])
def test_shift_by_5_to_20_pixels_at_480_rows(severity, pixels):
    y, x = torch.meshgrid(
        torch.arange(480.0), torch.arange(640.0), indexing='ij'
    )
    image = torch.stack((y, x))
    for seed in range(3):
        moved = image - corrupt(image, 'shift', severity, seed)
        length = moved[:, 100:-100, 100:-100].square().sum(0).sqrt()
        torch.testing.assert_close(
            length, torch.full_like(length, pixels), atol=0.8, rtol=0
        )


def test_stale_is_the_whole_picture_larger():
    y, x = torch.meshgrid(
        torch.arange(150.0), torch.arange(200.0), indexing='ij'
    )
    rows, columns = corrupt(torch.stack((y, x)), 'stale', 4, seed=0)
    for seen, last in (rows[:, 100], 149), (columns[75], 199):
        assert (seen[-1] - seen[0]).item() == pytest.approx(last / 1.1, abs=1)
        assert seen[0] >= 0 and seen[-1] <= last


def test_fog_lowers_contrast_and_rain_draws_streaks(image):
    fog = corrupt(image, 'fog', 4, seed=0)
    assert (fog.std(dim=(1, 2)) < image.std(dim=(1, 2))).all()
    struck = (corrupt(image, 'rain', 3, seed=0) - image).abs().sum(0) > 1e-3
    assert 0.03 < struck.float().mean() < 0.1
    upright = (struck[1:] & struck[:-1]).sum()
    assert upright > 3 * (struck[:, 1:] & struck[:, :-1]).sum()


def test_banding_is_one_offset_per_band_of_rows(image):
    added = corrupt(image, 'banding', 4, seed=0) - image
    bands = added / image.std(dim=(1, 2), keepdim=True, correction=0)
    torch.testing.assert_close(bands[0], bands[1], rtol=1e-3, atol=1e-4)
    assert bands.std(2).max() < 1e-4  # along a row it is the same
    rows = bands[0, :, 0]
    steps = (rows[1:] - rows[:-1]).abs() > 1e-3
    assert steps.sum() == 24  # 97 rows, 4 in a band
    assert rows.std() == pytest.approx(0.7, rel=0.4)


def test_scale_shift_is_affine_and_off_both_ways(image):
    factors, offsets = set(), set()
    for seed in range(16):
        result = corrupt(image, 'scale_shift', 4, seed)
        std = image.std(dim=(1, 2)), result.std(dim=(1, 2))
        off = (result - image).mean(dim=(1, 2)) / std[0]
        factors.update((std[1] / std[0]).mul(100).round().tolist())
        offsets.update(off.mul(100).round().tolist())
    assert factors == {67, 150}  # 1 / 1.5 and 1.5
    assert offsets == {-50, 50}


def test_unknown():
    with pytest.raises(ValueError, match=r"fault 'snow'.*noise, blur"):
        corrupt(torch.zeros(1, 5, 7), 'snow', 1, 0)
    with pytest.raises(
        ValueError, match=r'`severity` must be at least 1, got 0'
    ):
        corrupt(torch.zeros(1, 5, 7), 'blur', 0, 0)


@pytest.mark.parametrize('severity', [0, 6, 1.0, True, None, 'x', [1]])
def test_severity_is_a_whole_number(severity):
    with pytest.raises((ValueError, TypeError), match='`severity`'):
        corrupt(torch.rand(3, 5, 7), 'noise', severity, 0)


@pytest.mark.parametrize('fault', ['', None, [], 1, 'Noise'])
def test_faults_have_names(fault):
    with pytest.raises(ValueError, match='`fault` takes one of noise'):
        corrupt(torch.rand(3, 5, 7), fault, 1, 0)


@pytest.mark.parametrize('shape', [(5, 7), (3, 0, 7), (1, 3, 5, 7)])
def test_an_image_has_pixels(shape):
    with pytest.raises(ValueError, match='an image'):
        corrupt(torch.rand(shape), 'noise', 1, 0)
