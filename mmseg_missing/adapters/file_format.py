"""The bytes of an adapter file: a bounded header, and what it promises.

A file may come from anybody. Nothing in it is believed before it is checked,
and nothing is allocated that the file itself does not hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ..finite import is_finite

MOST_BYTES = 2**32
MOST_HEADER_BYTES = 2**22
MOST_DEPTH = 8
LONGEST_TEXT = 4096
# Where the sum over everything else stands.
SUM = 'sha256'


class Damaged(ValueError):
    """What is wrong with a file, without its name."""


def encode(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> bytes:
    """Return the bytes of a file; anything but JSON becomes a float."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    texts = {
        key: json.dumps(value, default=float)
        for key, value in metadata.items()
        if key != SUM
    }
    texts[SUM] = json.dumps(checksum(tensors, texts))
    return save(tensors, texts)


def checksum(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """Return the sha256 of names, shapes, numbers, and all other metadata."""
    digest = hashlib.sha256()
    for key, text in sorted(texts.items()):
        if key != SUM:
            digest.update(f'{len(key)} {len(text)} {key}{text}'.encode())
    for key, tensor in sorted(tensors.items()):
        shape = tuple(tensor.shape)
        digest.update(f'{len(key)} {key}{shape}'.encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


class Content:
    """What the header of a file says, and its tensors once they are asked for.

    Args:
        content: Bytes of the file.

    Raises:
        Damaged: no file of this kind, or one out of all bounds.
    """

    def __init__(self, content: bytes) -> None:
        self._bytes = content
        size = int.from_bytes(self._bytes[:8], 'little')
        if not 2 <= size <= min(MOST_HEADER_BYTES, len(self._bytes) - 8):
            raise Damaged('it has no header')
        header = parse(self._bytes[8 : 8 + size])
        if not isinstance(header, dict):
            raise Damaged('its header is no dict')
        self.texts: dict[str, str] = header.pop('__metadata__', {})
        if not _is_texts(self.texts):
            raise Damaged('its metadata are no texts by name')
        self.metadata = {k: parse(text) for k, text in self.texts.items()}
        check_bounds(self.metadata)
        check_bounds(list(header))
        self.shapes = {name: _shape(entry) for name, entry in header.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors.

        Raises:
            Damaged: they are not what the header says, not finite, or
                neither they nor the metadata are what was once written.
        """
        try:
            # The library gives them in any order.
            tensors = dict(sorted(load(self._bytes).items()))
        except (SafetensorError, ValueError) as error:
            raise Damaged(f'its numbers cannot be read: {error}') from error
        for name, tensor in tensors.items():
            if not is_finite(tensor):
                raise Damaged(f'numbers of {name!r} are not finite')
        expected = self.metadata.get(SUM)
        if expected is not None and expected != checksum(tensors, self.texts):
            raise Damaged(
                'its content is not what was written (the sha256 differs); '
                'copy or download it again'
            )
        return tensors


def parse(text: str | bytes) -> Any:
    """Return what JSON says, each key once.

    Raises:
        Damaged: it is no JSON, or nested beyond all bounds.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Damaged('its header is no JSON') from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError('a key stands twice')
    return found


def check_bounds(value: Any) -> None:
    """Refuse texts that steer a terminal, and what is out of all bounds.

    Raises:
        Damaged: such a text, a huge number, or too deep a nesting.
    """
    for depth, leaf in _leaves(value):
        if depth > MOST_DEPTH:
            raise Damaged('its metadata are nested too deeply')
        if isinstance(leaf, str) and not (
            leaf.isprintable() and len(leaf) <= LONGEST_TEXT
        ):
            raise Damaged(
                f'a text in it is too long or cannot be printed: {leaf[:40]!r}'
            )
        if isinstance(leaf, int) and not abs(leaf) < 2**64:
            raise Damaged('a number in it is too large')


def _leaves(value: Any) -> Iterator[tuple[int, Any]]:
    """Yield depth and value of all that is in a nest of dicts and lists."""
    todo = [(0, value)]
    while todo:
        depth, value = todo.pop()
        if isinstance(value, dict):
            parts = [*value, *value.values()]
        elif isinstance(value, list):
            parts = value
        else:
            yield depth, value
            continue
        if depth > MOST_DEPTH:
            yield depth, None
            continue
        todo.extend((depth + 1, part) for part in parts)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(text, str) for text in value.values()
    )


def _shape(entry: Any) -> tuple[int, ...]:
    """Return the shape that the header states for one tensor."""
    if not isinstance(entry, dict) or entry.get('dtype') != 'F32':
        raise Damaged('it holds something else than float32 numbers')
    shape = entry.get('shape')
    if not isinstance(shape, list) or not all(
        type(size) is int and 0 < size < 2**40 for size in shape
    ):
        raise Damaged('a shape in it is no list of sizes')
    return tuple(shape)
