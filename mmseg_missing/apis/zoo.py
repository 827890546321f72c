"""Trained networks by name: shipped with the package, or of a release.

A name stands in ``zoo/index.json`` with the sha256 of its files. They lie in
the package, in a folder of downloads, or where a release was put.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..engine.atomic import write_atomically
from ..remote import located
from ..startup.config_files import PACKAGE
from ..values import choice

SHIPPED = PACKAGE / 'zoo'
INDEX = 'index.json'
# Folder or address of a release; an address is asked once for each file.
ADDRESS = 'MMSEG_MISSING_ZOO'


class ZooFiles(NamedTuple):
    """What :func:`~mmseg_missing.apis.init_model` takes, in its order.

    Args:
        config: Name of the base's config.
        checkpoint: File of the base.
        adapter: Adapter file; None: the network has none.
    """

    config: str
    checkpoint: Path
    adapter: Path | None


def zoo_networks() -> dict[str, dict[str, Any]]:
    """Return what is known of each trained network, by name.

    >>> zoo_networks()['scenes-small']['config']
    'shared-stream_small_1xb8-12e_scenes-rgbdtn-64x96'
    """
    return json.loads((SHIPPED / INDEX).read_text('utf-8'))['networks']


def from_zoo(name: str) -> ZooFiles:
    """Return config, base and adapter of a trained network, each checked.

    Args:
        name: A key of :func:`zoo_networks`. What is not shipped with the
            package is taken from a folder of downloads (``mmseg_missing``
            where torch.hub keeps them), else from the release at `base_url`
            of the index, or where the environment variable
            ``MMSEG_MISSING_ZOO`` says: a folder or an address.

    Raises:
        FileNotFoundError: a file is nowhere.
        ValueError: an unknown name, or a file with another sha256.

    >>> config, base, adapter = from_zoo('scenes-small')
    >>> base.suffix, adapter.suffix
    ('.safetensors', '.safetensors')
    """
    known = zoo_networks()
    entry = known[choice('name', name, tuple(known))]
    adapter = entry.get('adapter')
    return ZooFiles(
        entry['config'],
        _found(name, entry['base']),
        adapter and _found(name, adapter),
    )


def _found(name: str, entry: Mapping[str, Any]) -> Path:
    """Return one file, fetched if it has to be."""
    file, downloads = entry['file'], Path(torch.hub.get_dir(), 'mmseg_missing')
    for path in (SHIPPED / file, downloads / file):
        if path.is_file():
            _check(path, path.read_bytes(), entry['sha256'])
            return path
    content = _fetched(name, file)
    _check(f'{file} of the release', content, entry['sha256'])
    downloads.mkdir(parents=True, exist_ok=True)
    write_atomically(downloads / file, content)
    return downloads / file


def _fetched(name: str, file: str) -> bytes:
    index = json.loads((SHIPPED / INDEX).read_text('utf-8'))
    address = os.environ.get(ADDRESS) or index.get('base_url')
    if not address:
        raise FileNotFoundError(
            f'{file} of {name!r} is not part of this installation; set '
            f'{ADDRESS} to the folder or address of a release that has it'
        )
    source = located(f'{address.rstrip("/")}/{file}')
    try:
        return source.read_bytes()
    except OSError as error:
        raise FileNotFoundError(
            f'no {file} of {name!r} at {address!r}; set {ADDRESS} to the '
            'folder or address of a release that has it'
        ) from error


def _check(path: str | Path, content: bytes, expected: str) -> None:
    if hashlib.sha256(content).hexdigest() != expected:
        raise ValueError(
            f'{str(path)!r} is not what was released (its sha256 differs); '
            'delete it and fetch it again'
        )
