"""A few images that tell most: their files, and a list of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..evaluation.images import Case
from ..values import expecting

FOLDER, LIST_FILE = 'pictures', 'pictures.json'
# Kinds, as the list calls them.
BEST, WORST = 'largest repair', 'worst left'


@dataclass(frozen=True)
class Picture:
    """One picture: inputs, base, repaired and truth in a row.

    Args:
        kind: ``BEST`` or ``WORST``.
        file: Its name in the folder ``pictures``.
        image: Name of the image.
        combination: What the network was given.
        before: The image's mIoU without adapters.
        after: The same with them.
    """

    kind: str
    file: str
    image: str
    combination: str
    before: float
    after: float

    @classmethod
    def of(cls, kind: str, file: str, case: Case) -> Picture:
        """Return the picture of a case."""
        return cls(
            *(kind, file, case.image, case.combination),
            round(case.before, 2),
            round(case.after, 2),
        )


@dataclass(frozen=True)
class Gallery:
    """The pictures of one evaluation.

    Args:
        pictures: In order.
        colours: RGB of each class, by name.
    """

    pictures: tuple[Picture, ...]
    colours: Mapping[str, Sequence[int]]

    def write(self, folder: Path) -> None:
        """Write the list into a folder of pictures."""
        text = json.dumps(asdict(self), indent=2, allow_nan=False)
        (folder / LIST_FILE).write_text(text + '\n')

    @classmethod
    def read(cls, folder: Path) -> Gallery | None:
        """Return that below the folder of a report; None: there is none.

        Raises:
            ValueError: the list is something else.
        """
        path = folder / FOLDER / LIST_FILE
        if not path.is_file():
            return None
        with expecting(
            f'{LIST_FILE} in {str(path.parent)!r}',
            'write it again with mmseg-missing repair or test --base',
        ):
            fields = json.loads(path.read_text())
            pictures = [Picture(**part) for part in fields['pictures']]
            for one in pictures:
                _check(one, path.parent)
            colours = {
                str(name): tuple(int(c) for c in rgb)
                for name, rgb in fields['colours'].items()
            }
            return cls(tuple(pictures), colours)


def _check(picture: Picture, folder: Path) -> None:
    """Refuse a name that leads elsewhere, and what is no PNG."""
    if Path(picture.file).name != picture.file:
        raise ValueError(f'{picture.file!r} is no name of a file')
    start = (folder / picture.file).read_bytes()[:4]
    if start != b'\x89PNG':
        raise ValueError(f'{picture.file!r} is no PNG')
    float(picture.before), float(picture.after)
