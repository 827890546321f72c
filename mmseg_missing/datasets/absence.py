"""Samples that lack modalities, as if nobody had recorded them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mmseg_missing.values import probability, settings, whole

from .options import modality_names

SEED = 'seed'


class Absence:
    """Draws, once for every image, what is absent from it.

    Seed, image and sensor decide, not the epoch, nor which other modalities
    are asked for. Modalities of one sensor share a draw. An image keeps at
    least one sensor, the one that was nearest to staying; but where there is
    one sensor only, an image without it is left out.

    Args:
        given: ``absence=dict(depth=0.3, seed=0)``: the share of the images
            that lack a modality, and the seed of the draw.
        modalities: Modalities of the data set.

    Raises:
        TypeError: no dict of numbers.
        ValueError: an unknown modality, or a rate outside of 0 to 1.
    """

    def __init__(
        self,
        given: Mapping[str, float] | None,
        modalities: Sequence[str | Mapping[str, Any]],
    ) -> None:
        rates = settings('absence', {} if given is None else given)
        self.seed = whole(f'absence.{SEED}', rates.pop(SEED, 0), 0)
        names = modality_names(modalities)
        strange = [name for name in rates if name not in names]
        if strange:
            raise ValueError(
                f'unknown modality {strange[0]!r} in `absence`; this data '
                f'set has {"+".join(names)}'
            )
        self.rates = {
            name: probability(f'absence.{name}', rates.get(name, 0))
            for name in names
        }
        self._sensors = {
            name: name if isinstance(m, str) else m.get('sensor') or name
            for name, m in zip(names, modalities)
        }
        self._is_one = len(set(self._sensors.values())) == 1
        if self._is_one and min(self.rates.values()) == 1:
            raise ValueError(
                f'`absence` of 1 leaves no image with {names[0]!r}, the one '
                'sensor of this data set; give a lower rate'
            )

    def of(
        self, image: Any, recorded: Collection[str] | None = None
    ) -> tuple[str, ...] | None:
        """Return what of an image is absent; None: leave it out.

        Args:
            image: What tells it from others, such as its name.
            recorded: The modalities that it has a file of; default: all.
        """
        if not any(self.rates.values()):
            return ()
        left = {
            name: self._draw(image, sensor) - self.rates[name]
            for name, sensor in self._sensors.items()
            if recorded is None or name in recorded
        }
        if left and max(left.values()) < 0:
            if self._is_one:
                return None
            nearest = max(left.values())
            left = {n: 0.0 if v == nearest else v for n, v in left.items()}
        return tuple(name for name, margin in left.items() if margin < 0)

    def _draw(self, image: Any, sensor: str) -> float:
        """Return a number from 0 to 1, the same on every machine."""
        text = f'{self.seed}/{sensor}/{image}'.encode()
        digest = hashlib.blake2b(text, digest_size=6).digest()
        return int.from_bytes(digest, 'big') / (1 << 48)


def may_lack(dataset: Any) -> bool:
    """Say whether samples of a data set may lack a modality.

    Args:
        dataset: One of ours, several that are joined, or a wrapper of
            MMEngine around one.
    """
    parts = getattr(dataset, 'datasets', None) or [
        getattr(dataset, 'dataset', dataset)
    ]
    if parts[0] is not dataset:
        return any(map(may_lack, parts))
    rates = getattr(getattr(dataset, 'absence', None), 'rates', {})
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', [])
    return any(rates.values()) or any(
        getattr(step, 'absent_file', '') == 'missing' for step in steps
    )
