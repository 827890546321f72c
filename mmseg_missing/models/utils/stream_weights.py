"""A stream that starts from the network of its modality alone."""

from __future__ import annotations

from pathlib import Path

from mmengine.runner import CheckpointLoader
from torch import nn

from ...adapters import load_base
from ...values import listed, naming

KEY = 'backbone.streams_from'
# How keys of the only stream begin, in our networks and in others.
PREFIXES = ('backbone.streams.0.', 'backbone.')
SECOND = 'backbone.streams.1.'


def checked_sources(given: object, num_streams: int) -> list[str | None]:
    """Return a checkpoint, or None, per stream.

    Raises:
        TypeError: no list of paths.
        ValueError: more or fewer than streams.
    """
    if given is None:
        return [None] * num_streams
    kinds = (str, Path, type(None))
    paths = [p and str(p) for p in listed(KEY, given, kinds)]
    if len(paths) != num_streams:
        raise ValueError(
            f'`{KEY}` takes one checkpoint per stream, or None, got '
            f'{len(paths)} for {num_streams} streams'
        )
    return paths


def load_stream(stream: nn.Module, path: str) -> None:
    """Load the one stream of a checkpoint, strictly.

    Args:
        stream: Stream of the same kind and the same input.
        path: Path of a network whose backbone is this stream, or a
            ``MultiStreamBackbone`` of it alone; path or address.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a network of several streams, or of another kind.
    """
    try:
        found = CheckpointLoader.load_checkpoint(path, 'cpu')
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'no checkpoint {path!r} for a stream; train the network of its '
            f'modality first, or check `{KEY}`'
        ) from error
    state = found.get('state_dict', found)
    if any(key.startswith(SECOND) for key in state):
        raise ValueError(
            f'{path!r} has several streams; `{KEY}` takes networks of one '
            'modality (mmseg-missing train CONFIG --modalities NAME)'
        )
    for prefix in PREFIXES:
        own = {
            key.removeprefix(prefix): value
            for key, value in state.items()
            if key.startswith(prefix)
        }
        if own:
            break
    with naming(KEY):
        load_base(stream, own, path)
