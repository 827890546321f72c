"""The score of every image under every combination, in a table of its own."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..values import expecting

IMAGES_FILE = 'images.csv'


class Case(NamedTuple):
    """One image under one combination, before and after.

    Args:
        index: In the data set.
        image: Its name.
        combination: What it was given.
        before: Its mIoU without adapters.
        after: The same with them.
    """

    index: int
    image: str
    combination: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        """Points that were won."""
        return self.after - self.before


@dataclass
class ImageScores:
    """MIoU of single images in per cent, over the classes of each.

    Args:
        scores: By combination, then by (index in the data set, name).
    """

    scores: dict[str, dict[tuple[int, str], float]] = field(
        default_factory=dict
    )

    def add(self, name: str, index: int, image: str, miou: float) -> None:
        """Keep the score of one image under combination ``name``."""
        self.scores.setdefault(name, {})[index, image] = miou

    def join(self, others: Iterable[ImageScores]) -> ImageScores:
        """Return the scores of all, such as of several processes."""
        joined: dict[str, dict[tuple[int, str], float]] = {}
        for part in (self, *others):
            for name, scores in part.scores.items():
                joined.setdefault(name, {}).update(scores)
        return ImageScores(joined)

    def cases(self, before: ImageScores, full: str) -> list[Case]:
        """Return all images that miss something and were scored before.

        Args:
            before: The scores without adapters.
            full: The combination that misses nothing.
        """
        return [
            Case(*key, name, before.scores[name][key], miou)
            for name, scores in self.scores.items()
            if name != full
            for key, miou in scores.items()
            if key in before.scores.get(name, {})
        ]

    def to_csv(self) -> str:
        """Return a line per image, a column per combination."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(['index', 'image', *self.scores])
        keys = {key for scores in self.scores.values() for key in scores}
        for key in sorted(keys):
            found = [scores.get(key) for scores in self.scores.values()]
            cells = ['' if x is None else f'{x:.4f}' for x in found]
            writer.writerow([*key, *cells])
        return text.getvalue()

    @classmethod
    def read(cls, folder: str | Path) -> ImageScores | None:
        """Return the scores beside a report; None: there are none.

        Raises:
            ValueError: the file is something else.
        """
        path = Path(folder) / IMAGES_FILE
        if not path.is_file():
            return None
        found = cls()
        with expecting(
            f'{IMAGES_FILE} of an evaluation in {str(path.parent)!r}',
            'write it again with mmseg-missing test',
        ):
            # Not by `splitlines`, which takes more for the end of a line.
            text = io.StringIO(path.read_text(encoding='utf-8'))
            header, *lines = csv.reader(text)
            for index, image, *cells in lines:
                for name, cell in zip(header[2:], cells, strict=True):
                    if cell and math.isfinite(float(cell)):
                        found.add(name, int(index), image, float(cell))
        return found


def pick(
    cases: Iterable[Case], worth: Callable[[Case], float], number: int
) -> list[Case]:
    """Return the cases of highest worth; no image, no combination twice.

    Args:
        cases: From which to choose.
        worth: How much a case is worth.
        number: How many at most.
    """
    chosen: list[Case] = []
    for case in sorted(cases, key=lambda case: (-worth(case), case)):
        images = {c.index for c in chosen}
        names = {c.combination for c in chosen}
        if case.index not in images and case.combination not in names:
            chosen.append(case)
    return chosen[:number]
