"""What an inferencer is given, as a list of named frames.

Nothing is decoded here: a frame holds arrays, paths, or places in videos.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..datasets.manifest import manifest_rows, read_table
from .arrays import check_keys
from .videos import SUFFIXES, Video, VideoFrame

MANIFESTS = ('.csv', '.json')
KINDS = (
    'a dict of arrays, files, folders or videos by modality, a folder with '
    'one folder per modality, a manifest (.csv, .json), or a list of these'
)
DROP = re.compile(r'(?P<name>[^@]+)(@(?P<first>\d+)(?P<to>-(?P<last>\d*))?)?')


@dataclass(frozen=True)
class Frame:
    """One frame, not read yet.

    Args:
        name: Unique among the inputs.
        given: By modality an array, a path, or a place in a video.
    """

    name: str
    given: Mapping[str, Any]

    @property
    def combination(self) -> str:
        """What was given, such as ``rgb+depth``."""
        has = [name for name, value in self.given.items() if value is not None]
        return '+'.join(has)


def frames_of(inputs: Any, modalities: Sequence[str]) -> list[Frame]:
    """Return the frames of anything that an inferencer takes.

    Args:
        inputs: See :data:`KINDS`.
        modalities: What a frame may have.

    Raises:
        FileNotFoundError: a path that is not there, or an empty folder.
        TypeError: none of these kinds.
        ValueError: an unknown modality, kinds that are mixed, or two frames
            of one name.
    """
    if isinstance(inputs, (list, tuple)):
        frames = []
        for index, each in enumerate(inputs):
            found = frames_of(each, modalities)
            if isinstance(each, Mapping) and not _paths(each):
                found = [replace(found[0], name=f'{index:06d}')]
            frames += found
        _check_unique(frames)
        return frames
    if isinstance(inputs, (str, Path)):
        return _of_path(Path(inputs), modalities)
    if not isinstance(inputs, Mapping):
        raise TypeError(
            f'an inferencer takes {KINDS}, got {type(inputs).__name__}'
        )
    check_keys(inputs, modalities, may_be_empty=True)
    paths = _paths(inputs)
    if not paths:
        return [Frame('000000', dict(inputs))]
    given = [value for value in inputs.values() if value is not None]
    if len(paths) < len(given):  # arrays beside files are one frame
        return [Frame(next(iter(paths.values())).stem, dict(inputs))]
    return find_frames(paths)


def find_frames(given: Mapping[str, Path]) -> list[Frame]:
    """Return the frames of a file, a folder or a video per modality.

    Files of folders are matched by their names without suffix; what one
    folder lacks is absent. Videos run side by side from their first frames;
    one that is over is absent.

    Raises:
        FileNotFoundError: a path that is not there, or an empty folder.
        ValueError: files, folders and videos mixed.
    """
    for path in given.values():
        if not path.exists():
            raise FileNotFoundError(f'no file or folder {str(path)!r}')
    kinds = {_kind(path) for path in given.values()}
    if len(kinds) > 1:
        raise ValueError(
            'give a file for each modality, a folder for each or a video for '
            'each, not both'
        )
    if kinds == {'video'}:
        return _of_videos(given)
    if kinds == {'file'}:
        return [Frame(next(iter(given.values())).stem, dict(given))]
    return _of_folders(given)


def dropped(
    frames: Sequence[Frame], wanted: Iterable[str], modalities: Sequence[str]
) -> list[Frame]:
    """Return frames some of which lack a modality, to rehearse a failure.

    Args:
        frames: Frames, in order.
        wanted: ``depth`` (in all frames), ``depth@7``, ``depth@100-200``
            (both included, the first frame is 0) or ``depth@100-``.
        modalities: What a frame may have.

    Raises:
        ValueError: none of these, an unknown modality, or no such frame.
    """
    frames = list(frames)
    for text in wanted:
        name, first, last = _span(text, modalities)
        end = len(frames) if last is None else last + 1
        if first >= len(frames) or end <= first:
            raise ValueError(
                f'--drop {text!r} names no frame of 0-{len(frames) - 1}'
            )
        for index in range(first, min(end, len(frames))):
            given = dict(frames[index].given)
            given.pop(name, None)
            frames[index] = replace(frames[index], given=given)
    return frames


def _span(text: str, modalities: Sequence[str]) -> tuple[str, int, int | None]:
    found = DROP.fullmatch(text)
    if not found or found['name'] not in modalities:
        raise ValueError(
            f'--drop takes a modality of {", ".join(modalities)} and frames, '
            f'such as {modalities[-1]}@100-200, got {text!r}'
        )
    if found['first'] is None:
        return found['name'], 0, None
    first = int(found['first'])
    if found['to'] is None:
        return found['name'], first, first
    return found['name'], first, int(found['last']) if found['last'] else None


def _of_path(path: Path, modalities: Sequence[str]) -> list[Frame]:
    if path.is_dir():
        there = {n: path / n for n in modalities if (path / n).is_dir()}
        if not there:
            raise FileNotFoundError(
                f'the folder {str(path)!r} holds none of the folders '
                f'{", ".join(modalities)}; give a dict of folders by modality'
            )
        return find_frames(there)
    if not path.exists():
        raise FileNotFoundError(f'no file or folder {str(path)!r}')
    if path.suffix.lower() in MANIFESTS:
        return _of_manifest(path, modalities)
    raise ValueError(
        f'the file {str(path)!r} does not say of which modality it is; give '
        f"a dict, such as {{'{modalities[0]}': {str(path)!r}}}"
    )


def _of_manifest(path: Path, modalities: Sequence[str]) -> list[Frame]:
    columns = {key for entry in read_table(path) for key in entry}
    kinds = [name for name in modalities if name in columns]
    rows = manifest_rows(str(path.absolute()), None, kinds or modalities)
    firsts = [next(Path(p) for p in row.values() if p) for row in rows]
    names = [first.stem for first in firsts]
    if len(set(names)) < len(names):
        names = [f'{index:06d}' for index in range(len(rows))]
    return [
        Frame(name, {k: Path(v) for k, v in row.items() if v})
        for name, row in zip(names, rows, strict=True)
    ]


def _of_folders(given: Mapping[str, Path]) -> list[Frame]:
    frames: dict[str, dict[str, Path]] = {}
    for modality, folder in given.items():
        files = sorted(f for f in folder.iterdir() if f.is_file())
        for file in files:
            if not file.name.startswith('.'):
                found = frames.setdefault(file.stem, {})
                other = found.setdefault(modality, file)
                if other is not file:
                    raise ValueError(
                        f'{other.name!r} and {file.name!r} of the folder '
                        f'{str(folder)!r} are frames of one name; keep one'
                    )
    if not frames:
        raise FileNotFoundError(f'no files in {str(folder)!r}')
    if len(given) > 1 and all(len(files) == 1 for files in frames.values()):
        raise ValueError(
            f'the folders {", ".join(map(str, given.values()))} have no file '
            f'name in common, such as {next(iter(frames))!r}; frames are '
            'matched by their names without suffix'
        )
    return [Frame(name, files) for name, files in sorted(frames.items())]


def _of_videos(given: Mapping[str, Path]) -> list[Frame]:
    videos = {name: Video(path) for name, path in given.items()}
    return [
        Frame(
            f'{index:06d}',
            {
                name: VideoFrame(video, index)
                for name, video in videos.items()
                if index < len(video)
            },
        )
        for index in range(max(map(len, videos.values())))
    ]


def _paths(given: Mapping[str, Any]) -> dict[str, Path]:
    return {
        name: Path(value)
        for name, value in given.items()
        if isinstance(value, (str, Path))
    }


def _kind(path: Path) -> str:
    if path.is_dir():
        return 'folder'
    return 'video' if path.suffix.lower() in SUFFIXES else 'file'


def _check_unique(frames: Sequence[Frame]) -> None:
    seen: set[str] = set()
    for frame in frames:
        if frame.name in seen:
            raise ValueError(
                f'two frames of a list are called {frame.name!r}; rename the '
                'files, or give the folders one after the other'
            )
        seen.add(frame.name)
