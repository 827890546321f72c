"""A few images that tell most: their files, and a list of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..evaluation.images import Case
from ..values import expecting

FOLDER, LIST_FILE = 'pictures', 'pictures.json'
# Of one case, and kinds of cases as the list calls them.
PARTS = 'inputs', 'masks'
BEST, WORST = 'largest repairs', 'worst failures left'


@dataclass(frozen=True)
class Picture:
    """One case: a picture of its inputs, and one of what became of them.

    Args:
        kind: ``BEST`` or ``WORST``.
        inputs: Name of a file in the folder ``pictures``.
        masks: The same, of base, repaired network and truth.
        image: Name of the image.
        combination: What the network was given.
        before: The image's mIoU without adapters.
        after: The same with them.
    """

    kind: str
    inputs: str
    masks: str
    image: str
    combination: str
    before: float
    after: float

    @classmethod
    def of(cls, kind: str, inputs: str, masks: str, case: Case) -> Picture:
        """Return the pictures of a case."""
        return cls(
            *(kind, inputs, masks, case.image, case.combination),
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
        (folder / LIST_FILE).write_text(text + '\n', encoding='utf-8')

    @staticmethod
    def forget(folder: Path) -> None:
        """Remove what lies below the folder of a report that is replaced."""
        place = folder / FOLDER
        (place / LIST_FILE).unlink(missing_ok=True)
        for kind in (BEST, WORST):
            for path in place.glob(f'{file_stem(kind)}-*.png'):
                path.unlink()

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
            fields = json.loads(path.read_text(encoding='utf-8'))
            pictures = [Picture(**part) for part in fields['pictures']]
            for one in pictures:
                _check(one, path.parent)
            colours = {
                str(name): tuple(int(c) for c in rgb)
                for name, rgb in fields['colours'].items()
            }
            return cls(tuple(pictures), colours)


def file_stem(kind: str) -> str:
    """Return how the files of a kind of cases begin.

    >>> file_stem(BEST)
    'largest-repairs'
    """
    return kind.replace(' ', '-')


def _check(picture: Picture, folder: Path) -> None:
    """Refuse a name that leads elsewhere, and what is no PNG."""
    for name in (picture.inputs, picture.masks):
        if Path(name).name != name:
            raise ValueError(f'{name!r} is no name of a file')
        if (folder / name).read_bytes()[:4] != b'\x89PNG':
            raise ValueError(f'{name!r} is no PNG')
    float(picture.before), float(picture.after)
