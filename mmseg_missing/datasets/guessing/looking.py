"""From a folder, or a table of files, to everything that a config needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..manifest import LABEL, SPLIT
from .arranging import arranged
from .class_lists import ClassList, find_classes, read_classes
from .guess import LIKELY, SURE, Guess, Unclear
from .labels import LabelGuess, guess_labels, probe_labels
from .layout import Layout
from .modalities import ModalityGuess, guess_modalities
from .probing import Probe, probe
from .roles import chosen_kind, label_kind, modality_kinds, spread
from .splitting import LEAST_SAMPLES, find_lists, guess_splits

FILES_PER_MODALITY = 16
MOST_LABELS = 2000


@dataclass(frozen=True)
class FolderGuess:
    """What a folder of one's own holds.

    Args:
        root: where the paths of the table begin.
        rows: a path per kind, and the split, for each sample.
        modalities: the stack.
        label: how labels are read.
        split: where the splits come from.
        size: (height, width) of most samples.
        layout: how files were told apart.
        may_be_absent: some samples lack a modality.
        notes: a sentence for whatever is left out or looks odd.
    """

    root: Path
    rows: list[dict[str, str]]
    modalities: list[ModalityGuess]
    label: LabelGuess
    split: Guess
    size: Guess
    layout: Guess
    may_be_absent: Guess
    notes: list[str] = field(default_factory=list)

    def count(self, split: str) -> int:
        """Return the number of samples of a split."""
        return sum(row[SPLIT] == split for row in self.rows)


def look_at(
    source: str | Path,
    modalities: Mapping[str, str] | None = None,
    labels: str | None = None,
    classes: str | Path | None = None,
) -> FolderGuess:
    """Guess what a folder, or a table of files, holds.

    Args:
        source: a folder; or a .csv or .json table with a column per modality,
            ``label`` and perhaps ``split``, see
            :func:`~mmseg_missing.datasets.manifest.manifest_rows`.
        modalities: names of modalities that the user knows, and the folder
            (or word of the files' names) of each.
        labels: the folder of the labels.
        classes: a file with a line per class.

    Raises:
        FileNotFoundError: no such folder or file.
        Unclear: several readings fit, or none; the sentence names the option.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from mmseg_missing.visualization.pictures import write_picture
    >>> with TemporaryDirectory() as folder:
    ...     for name in ('rgb', 'depth', 'labels'):
    ...         shape = (16, 24, 3) if name == 'rgb' else (16, 24)
    ...         Path(folder, name).mkdir()
    ...         for index in range(3):
    ...             picture = np.random.randint(0, 5, shape).astype(np.uint8)
    ...             path = Path(folder, name, f'{index}.png')
    ...             write_picture(path, picture)
    ...     guess = look_at(folder)
    >>> [modality.name.value for modality in guess.modalities]
    ['rgb', 'depth']
    """
    root, layout, others = arranged(Path(source))
    given = {
        name: chosen_kind(layout.kinds, kind, f'--modality {name}=')
        for name, kind in (modalities or {}).items()
    }
    full = {kind: _full(root, some) for kind, some in layout.kinds.items()}
    label = label_kind(full, labels, set(given.values()))
    stack = modality_kinds(full, label, given)
    names = sorted(full[label].keys() & set().union(*(full[k] for k in stack)))
    probes = {kind: _probed(kind, full[kind], names) for kind in stack}
    found = guess_modalities(probes, given)
    _check_samples(names, found, stack, label)
    label_guess, broken = _label(root, label, full[label], names, classes)
    lists = find_lists(root, others, names)
    splits, split = guess_splits(names, layout.splits, lists)
    size, found, notes = _sizes(probes, found)
    rows = _rows(layout, found, label, splits)
    return FolderGuess(
        root,
        rows,
        found,
        label_guess,
        split,
        size,
        layout.rule,
        _absence(rows, found),
        [*broken, *notes, *_left_out(full, stack, label, splits, layout)],
    )


def _rows(
    layout: Layout,
    found: Sequence[ModalityGuess],
    label: str,
    splits: Mapping[str, str],
) -> list[dict[str, str]]:
    """Return the table: a row per sample that has a split."""
    columns = {m.name.value: layout.kinds[m.kind] for m in found}
    columns[LABEL] = layout.kinds[label]
    return [
        {
            **{key: some.get(name, '') for key, some in columns.items()},
            SPLIT: split,
        }
        for name, split in splits.items()
    ]


def _full(root: Path, some: Mapping[str, str]) -> dict[str, Path]:
    return {name: root / path for name, path in some.items()}


def _probed(
    kind: str, files: Mapping[str, Path], names: Sequence[str]
) -> Probe:
    there = [files[name] for name in names if name in files]
    found = probe(spread(there, FILES_PER_MODALITY))
    if not found.files:
        raise Unclear(
            f'no file of {kind!r} can be read, such as: {found.problems[0]}'
        )
    return found


def _check_samples(
    names: Sequence[str],
    found: Sequence[ModalityGuess],
    stack: Sequence[str],
    label: str,
) -> None:
    if len(names) < LEAST_SAMPLES:
        raise Unclear(
            f'{len(names)} samples have a label and an image; it takes '
            f'{LEAST_SAMPLES} at least, for training, choosing and the test'
        )
    if len(found) < 2:
        raise Unclear(
            f'the only modality beside the labels {label!r} is {stack[0]!r}, '
            'but a network that is to bear the loss of one needs two; name '
            'other files by --modality NAME=FOLDER'
        )


def _label(
    root: Path,
    kind: str,
    files: Mapping[str, Path],
    names: Sequence[str],
    classes: str | Path | None,
) -> tuple[LabelGuess, list[str]]:
    """Return how labels are read, and a sentence for each that cannot be."""
    found = probe_labels(spread([files[name] for name in names], MOST_LABELS))
    if classes is None:
        known = find_classes(root, kind, [*found.pixels], found.is_colour)
    else:
        known = _read_classes(Path(classes))
    return guess_labels(kind, found, known), found.problems


def _read_classes(path: Path) -> ClassList:
    if not path.is_file():
        raise FileNotFoundError(f"no file '{path}'; check --classes")
    known = read_classes(path)
    if known is None:
        raise Unclear(
            f"'{path}' is no list of classes; write a line per class, "
            '`person`, `3 person` or, for labels in colour, '
            '`person,192,128,128`'
        )
    return known


def _sizes(
    probes: Mapping[str, Probe], found: list[ModalityGuess]
) -> tuple[Guess, list[ModalityGuess], list[str]]:
    """Bring modalities of another size to that of the first."""
    main = probes[found[0].kind]
    (size, count), *others = main.sizes.most_common()
    several = f', {len(others)} other sizes occur' if others else ''
    reason = f'{count} of {main.files} files of {found[0].name.value}{several}'
    guess = Guess(size, LIKELY if others else SURE, reason)
    fitted, notes = [], []
    for modality in found:
        sizes = probes[modality.kind].sizes
        if set(sizes) <= set(main.sizes):
            fitted.append(modality)
            continue
        if others:
            raise Unclear(
                f'files of {modality.name.value!r} and '
                f'{found[0].name.value!r} differ in size, and so do samples; '
                'bring all modalities of a sample to one size'
            )
        own = sizes.most_common(1)[0][0]
        why = f'its files are {own}; the nearest pixel is taken'
        form = {**modality.form, 'size': Guess(size, LIKELY, why)}
        fitted.append(replace(modality, form=form))
        if abs(own[0] * size[1] / (own[1] * size[0]) - 1) > 0.02:
            notes.append(
                f'{modality.name.value!r} has another shape, {own}, than '
                f'{found[0].name.value!r}, {size}; check that both show the '
                'same part of the scene'
            )
    return guess, fitted, notes


def _absence(
    rows: Sequence[Mapping[str, str]], found: Sequence[ModalityGuess]
) -> Guess:
    counts = {
        m.name.value: sum(not row[m.name.value] for row in rows) for m in found
    }
    lacking = {name: count for name, count in counts.items() if count}
    if not lacking:
        return Guess(False, SURE, 'every sample has every modality')
    text = ', '.join(f'{count} lack {name}' for name, count in lacking.items())
    return Guess(True, SURE, f'of {len(rows)} samples {text}')


def _left_out(
    full: Mapping[str, Mapping],
    stack: Sequence[str],
    label: str,
    names: Collection[str],
    layout: Layout,
) -> Iterator[str]:
    kinds = [kind for kind in full if kind != label and kind not in stack]
    if kinds:
        yield (
            f'{", ".join(map(repr, kinds))} left out: labels, pictures of '
            'them, or names that no label has (--modality NAME=FOLDER takes '
            'it nevertheless)'
        )
    known = set(names)
    without = set().union(*(full[kind] for kind in stack)) - known
    if without:
        yield (
            f'{len(without)} samples left out, such as {min(without)!r}: '
            'without a label, or in no list of a split'
        )
    if layout.left_out:
        yield (
            f'{len(layout.left_out)} files left out, such as '
            f'{layout.left_out[0]!r}: no other file has such a name'
        )
