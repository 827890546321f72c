"""What is remembered of the sensors of one stream of frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from ..monitoring import CAUSES, Stream, Verdict, Watch
from ..monitoring.verdict import ABSENT, MISSING, WHOLE


class Rig:
    """Ages of images, which sensors are off, and a line when that changes.

    Args:
        names: The modalities of the network.
        max_age: See :meth:`MultiModalInferencer.stream`.
        memory: See there.

    Raises:
        ValueError: an age of an unknown modality, or below 0.
    """

    def __init__(
        self,
        names: Sequence[str],
        max_age: Mapping[str, int] | None = None,
        memory: Stream | None = None,
    ) -> None:
        self.names, self.max_age = tuple(names), dict(max_age or {})
        for name, age in self.max_age.items():
            if name not in names or not isinstance(age, int) or age < 0:
                raise ValueError(
                    f'`max_age` takes frames from 0 on for '
                    f'{", ".join(names)}, got {name!r}: {age!r}'
                )
        self.memory = Stream() if memory is None else memory
        self._last: dict[str, np.ndarray] = {}
        self._since: dict[str, int] = {}
        self._why: dict[str, str] = {}
        self._held: list[str] = []
        self._used: dict[str, bool] = {}
        self._index = 0

    def refuse(self, name: str, why: str) -> None:
        """Hear that the image of a sensor cannot be used."""
        self._why[name] = why

    def fresh(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        """Return a frame with last images of the sensors that have no new.

        Args:
            frame: By modality; what is left out or None has nothing new.
        """
        found, self._held = {}, []
        for name in dict.fromkeys((*self.names, *frame)):
            image = self._image(name, frame.get(name))
            if image is not None:
                found[name] = image
        return found

    def _image(self, name: str, image: Any) -> Any:
        if name not in self.max_age:
            return image
        last = self._last.get(name)
        if image is not None and not _is_same(image, last):
            self._last[name] = np.array(image)  # buffers are used again
            self._since[name] = self._index
            return image
        if last is None:
            return None
        # Frames that failed count as well.
        age, limit = self._index - self._since[name], self.max_age[name]
        if age > limit:
            why = f'nothing new for {age} frames, max_age {limit}'
            self._why.setdefault(name, why)
            return None
        self._held.append(name)
        return last

    def tell(
        self, watch: Watch | None, inputs: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """Return what counts as present, and as degraded, of one frame.

        Args:
            watch: Judges; None: only what is not there goes off.
            inputs: (1, sum C, h, w), normalised.
            present: (1, M) bool, what was given or is young enough.
        """
        if watch is not None:
            self._forgive(watch)
            told = watch.tell(inputs, present, self.memory)
            kept, degraded = told.present, told.degraded
        else:
            off = self.memory.settle(_missing(self.names, present)).harmful
            kept, degraded = present & ~off, None
            if not kept.any():  # one that has just come back is all there is
                kept = present
        self._say(kept[0].tolist())
        self._index += 1
        return kept, degraded

    def failed(self) -> None:
        """Hear that a frame gave nothing at all."""
        self._why.clear()
        self._index += 1

    def _forgive(self, watch: Watch) -> None:
        """Let an image that may be used again not count as frozen."""
        before = self.memory.previous
        if before is None or not self._held:
            return
        before = before.clone()
        for name in set(self._held) & set(self.names):
            before[:, watch.monitor.stack.slices[name]] = torch.nan
        self.memory.previous = before

    def _say(self, flags: Sequence[bool]) -> None:
        """Log which sensors went and came, and why."""
        for name, is_used in zip(self.names, flags, strict=True):
            was_used = self._used.get(name, True)
            if was_used and not is_used:
                self._log(f'{name} is taken out: {self._reason(name)}')
            elif is_used and not was_used:
                self._log(f'{name} is back')
            self._used[name] = is_used
        self._why.clear()

    def _reason(self, name: str) -> str:
        verdict, index = self.memory.verdict, self.names.index(name)
        if name in self._why:
            return self._why[name]
        if verdict is None or CAUSES[verdict.causes[0, index]] == 'missing':
            return 'missing'
        return verdict.words()[0][name]

    def _log(self, words: str) -> None:
        text = f'frame {self._index}: {words}'
        print_log(text, logger='current', level=logging.WARNING)


def _missing(names: tuple[str, ...], present: Tensor) -> Verdict:
    """Return the verdict that tells nothing but what is not there."""
    absent = ~present
    return Verdict(
        names,
        torch.where(absent, ABSENT, WHOLE),
        absent.float(),
        torch.full(present.shape, MISSING),
        absent,
    )


def _is_same(image: Any, last: np.ndarray | None) -> bool:
    if last is None:
        return False
    image = np.asarray(image)
    return image.shape == last.shape and np.array_equal(image, last)
