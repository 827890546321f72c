"""Linear maps between streams."""

import pytest
import torch

from mmseg_missing.adapters.fitting.ridge import (
    StreamMoments,
    explained,
    ridge_maps,
)


def seen(maps):
    moments = StreamMoments(torch.Generator().manual_seed(0))
    for images in zip(*(m.split(2) for m in maps)):
        moments.see(images)
    return moments


def test_statistics_and_maps():
    torch.manual_seed(0)
    x = torch.randn(6, 3, 5, 7) * 3 + 2
    w = torch.randn(3, 3)
    y = torch.einsum('nchw,cd->ndhw', x, w) - 1
    mean, std, correlation = seen([x, y]).statistics(2)
    flat = torch.stack([x, y]).movedim(2, 1).flatten(2).double()
    torch.testing.assert_close(mean, flat.mean(2))
    torch.testing.assert_close(std, flat.std(2, correction=0))
    maps = ridge_maps(correlation, 2, penalty=1e-9)
    found = maps[0, 1] / std[0][:, None] * std[1]
    torch.testing.assert_close(found, w.double(), rtol=1e-4, atol=1e-4)
    shares = explained(correlation, maps)
    torch.testing.assert_close(
        shares, torch.tensor([[0.0, 1], [1, 0]]).double(), rtol=0, atol=1e-5
    )


def test_noise_is_not_explained():
    torch.manual_seed(0)
    x, y = torch.randn(2, 8, 2, 11, 13)
    _, _, correlation = seen([x, y]).statistics(2)
    assert explained(correlation, ridge_maps(correlation, 2)).max() < 0.05


def test_a_channel_that_never_changes():
    x = torch.randn(4, 2, 5, 7)
    x[:, 1] = 3
    mean, std, correlation = seen([x, x]).statistics(2)
    assert mean[0, 1] == pytest.approx(3) and std[0, 1] == 1
    assert torch.isfinite(ridge_maps(correlation, 2)).all()


def test_nothing_seen():
    with pytest.raises(ValueError, match='complete samples'):
        StreamMoments(torch.Generator()).statistics(2)


def test_images_that_lack_a_stream_count_for_the_others():
    torch.manual_seed(0)
    x, y, z = maps = list(torch.randn(3, 6, 2, 5, 7) + 1)
    y += 2 * x
    z -= y
    every = seen(maps).statistics(3)
    present = torch.ones(9, 3, dtype=torch.bool)
    present[6, 0] = present[7, 1] = present[8, :2] = False
    longer = [torch.cat([m, m[:3]]) for m in maps]
    for m, stream in enumerate(longer):
        stream[~present[:, m]] = float('nan')
    moments = StreamMoments(torch.Generator())
    moments.see(longer, present)
    mean, std, correlation = moments.statistics(3)
    for m, rows in ((0, [*range(6), 7]), (1, [*range(6), 6])):
        flat = longer[m][rows].movedim(1, 0).flatten(1).double()
        torch.testing.assert_close(mean[m], flat.mean(1))
        torch.testing.assert_close(std[m], flat.std(1, correction=0))
    # Streams 0 and 1 are together in the first six alone.
    scale = torch.outer(every[1][0], every[1][1])
    mine = torch.outer(std[0], std[1])
    torch.testing.assert_close(
        correlation[:2, 2:4] * mine, every[2][:2, 2:4] * scale
    )


def test_a_stream_without_company():
    moments = StreamMoments(torch.Generator())
    maps = list(torch.randn(3, 2, 2, 5, 7))
    moments.see(
        maps, torch.tensor([[True, True, False], [False, False, True]])
    )
    with pytest.raises(ValueError, match=r'lower `absence` of the data set'):
        moments.statistics(3)
