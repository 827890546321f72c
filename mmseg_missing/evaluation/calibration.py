"""How sure a network was of its pixels, and how often it was right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..values import real, whole

BINS = 15
# Confidences are summed as whole numbers of this many parts: sums are exact
# in whatever order images and processes are counted.
PARTS = 2**20


@dataclass(frozen=True)
class Calibration:
    """Pixels of one combination, by the network's confidence in them.

    Bin b of 15 holds the pixels whose predicted class had a probability in
    (b / 15, (b + 1) / 15].

    Args:
        pixels: How many each bin holds.
        accuracy: Share of them that is right, in per cent; None: no pixel.
        confidence: Their mean confidence, in per cent; None: no pixel.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
    arXiv:1706.04599, section 2.
    """

    pixels: tuple[int, ...]
    accuracy: tuple[float | None, ...]
    confidence: tuple[float | None, ...]

    @classmethod
    def from_counts(cls, counts: Tensor) -> Calibration:
        """Read it from what :func:`count_confidence` gives, summed."""
        pixels, right, sure = counts.cpu().double()
        return cls(
            tuple(counts[0].tolist()),
            _known(100 * right / pixels),
            _known(100 * sure / PARTS / pixels),
        )

    @property
    def ece(self) -> float:
        """Expected calibration error: mean |accuracy - confidence|, in %."""
        bins = zip(self.pixels, self.accuracy, self.confidence, strict=True)
        gaps = [count * abs(a - b) for count, a, b in bins if count]
        return sum(gaps) / sum(self.pixels)

    def check(self) -> None:
        """Refuse what no evaluation gives.

        Raises:
            TypeError: a value of a wrong kind.
            ValueError: lists of different lengths, or values out of range.
        """
        parts = (self.pixels, self.accuracy, self.confidence)
        lengths = [len(part) for part in parts]
        if len(set(lengths)) != 1 or not any(self.pixels):
            raise ValueError(
                f'a calibration has as many bins of each kind, got {lengths}'
            )
        for pixels, *scores in zip(*parts, strict=True):
            whole('pixels of a calibration', pixels, 0)
            for score in scores:
                if (score is None) != (pixels == 0):
                    raise ValueError('a bin has scores where it has pixels')
                real('a bin of a calibration', score or 0, least=0)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Calibration:
        """Return the calibration that JSON held."""
        return cls(**{key: tuple(value) for key, value in fields.items()})


def count_confidence(
    logits: Tensor, pred: Tensor, target: Tensor, ignore_index: int = 255
) -> Tensor:
    """Count pixels, those that are right and their confidence, by bin.

    Args:
        logits: (K, h, w) scores; (1, h, w): the probability of class 1, as
            MMSegmentation gives it for one channel.
        pred: (h, w), predicted classes.
        target: (h, w), classes or ``ignore_index``.
        ignore_index: Label of pixels that are not counted.

    Returns:
        (3, 15) int64 on the logits' device: pixels, right ones, and the sum
        of the confidences in units of 1 / 2^20.
    """
    target, pred = target.to(logits.device), pred.to(logits.device)
    counted = target != ignore_index
    sure = _confidence(logits, pred)[counted].nan_to_num_(0.0)
    right = (pred == target)[counted]
    where = (sure * BINS).ceil_().long().sub_(1).clamp_(0, BINS - 1)
    parts = (sure * PARTS).round_().double()
    # Doubles hold whole numbers up to 2^53.
    sums = [
        torch.bincount(where, weights, BINS)
        for weights in (None, right.double(), parts)
    ]
    return torch.stack([x.long() for x in sums])


def _confidence(logits: Tensor, pred: Tensor) -> Tensor:
    """Return the probability of the predicted class, (h, w)."""
    logits = logits.float()
    if len(logits) == 1:
        return torch.where(pred == 1, logits[0], 1 - logits[0])
    return (logits - logits.amax(0)).exp_().sum(0).reciprocal_()


def _known(scores: Tensor) -> tuple[float | None, ...]:
    return tuple(None if v != v else v for v in scores.tolist())
