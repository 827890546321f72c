"""The adapter file: safetensors with the trained rows, JSON beside them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..version import __version__
from .attach import bank_of
from .bank import AdapterBank
from .file_checks import FILL, PREDICTORS, Unregistered, check_metadata
from .file_format import MOST_BYTES, SUM, Content, Damaged, encode
from .file_match import check_fill, check_predictors, check_same, describe

# Version 1 has no sum over its content, and patterns where 2 has names.
FORMAT_VERSION = 2
READ_VERSIONS = (1, 2)


def save_adapter(
    root: nn.Module,
    path: str | Path,
    extra: Mapping[str, Any] | None = None,
    state: Mapping[str, Tensor] | None = None,
    combinations: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """Write the trained rows of ``root`` to one small file.

    Args:
        root: A network with adapters.
        path: Ends in ``.safetensors``.
        extra: Further facts for the metadata: fill, results, ...
        state: The bank's state to write; default: as it is now.
        combinations: Write these alone, as a table, whatever the row mode;
            default: all that was learnt, in its own row mode.

    Returns:
        The combinations that the file was trained for.

    Raises:
        ValueError: no row was trained, none for one of ``combinations``, or
            numbers that are not finite.
        OSError: the file cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> bank = attach(network, stack)
    >>> _ = bank.samples_seen.fill_(1)  # as if it had been trained
    >>> with TemporaryDirectory() as folder:
    ...     names = save_adapter(network, f'{folder}/adapter.safetensors')
    ...     metadata, rows = read_adapter(f'{folder}/adapter.safetensors')
    >>> names, metadata['method'], rows['rgb'].shape
    (('rgb', 'depth'), 'ScaleShift', torch.Size([12]))
    """
    bank = bank_of(root)
    if not bank.trained:
        raise ValueError(
            'no adapter row was trained; there is nothing to save'
        )
    metadata = {
        'format_version': FORMAT_VERSION,
        **describe(root),
        'mmseg_missing_version': __version__,
    }
    if combinations is None:
        state = bank.state_dict() if state is None else state
        tensors = {
            name: state[f'rows.{key}']
            for name, key in bank.rows.stored(bank.trained).items()
        }
        names = bank.trained
    else:
        tensors = _rows_alone(bank, combinations)
        names = tuple(tensors)
        metadata.update(rows='table', row_options={})
    for key, value in (state or bank.state_dict()).items():
        if key.startswith((FILL, PREDICTORS)):
            tensors[key] = value
    seen = dict(zip(bank.rows.names, bank.samples_seen.tolist()))
    least = min(filter(None, seen.values()))
    metadata['combinations'] = list(names)
    metadata['samples_seen'] = {n: seen.get(n) or least for n in names}
    metadata.update(extra or {})
    _write(path, tensors, metadata)
    return names


def _rows_alone(
    bank: AdapterBank, combinations: Sequence[str]
) -> dict[str, Tensor]:
    """Return the rows of these combinations, (width,) each."""
    names = [bank.stack.canonical(name) for name in combinations]
    for name in names:
        if name not in bank.served:
            raise ValueError(
                f'no trained row for {name!r}, only for {list(bank.served)}'
            )
    with torch.no_grad():
        return dict(zip(names, bank.rows(bank.stack.present(names))))


def annotate_adapter(
    path: str | Path,
    extra: Mapping[str, Any],
    numbers: Mapping[str, Tensor] | None = None,
) -> None:
    """Add facts to the metadata of an adapter file; raises as reading.

    Args:
        path: The file.
        extra: The facts.
        numbers: Further numbers that lie beside the rows.
    """
    metadata, tensors = read_adapter(path)
    _write(path, {**tensors, **(numbers or {})}, {**metadata, **extra})


def _write(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any],
) -> None:
    """Write what can be read again, whole or not at all."""
    content = encode(tensors, metadata)
    try:
        _decode(content)
    except Damaged as error:
        raise ValueError(
            f'{str(path)!r} was not written, because {error}'
        ) from error
    # safetensors' own files are for their owner alone, whatever the umask.
    part = Path(f'{path}.part')
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise OSError(f'cannot write {str(path)!r}: {error}') from error


def read_adapter(
    path: str | Path,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return metadata and tensors of an adapter file, all of it checked.

    Nothing is unpickled, nothing is allocated that the file does not hold.

    Args:
        path: Path of the file, or what has a path's ``is_file`` and
            ``read_bytes``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an adapter file, damaged, or of another version.
    """
    source = Path(path) if isinstance(path, str) else path
    if not source.is_file():
        raise FileNotFoundError(f'no adapter file {str(path)!r}')
    is_here = isinstance(source, Path)
    try:
        if is_here and source.stat().st_size > MOST_BYTES:
            raise Damaged(f'it is larger than {MOST_BYTES >> 30} GiB')
        metadata, tensors = _decode(source.read_bytes())
    except Damaged as error:
        raise ValueError(
            f'{str(path)!r} is damaged or no adapter file: {error}'
        ) from error
    except Unregistered as error:
        raise ValueError(f'{str(path)!r} needs {error}') from error
    if SUM not in metadata:
        warnings.warn(
            f'{str(path)!r} is of an older version, without a sha256: a '
            'changed number in it would not be noticed',
            stacklevel=2,
        )
    return metadata, tensors


def _decode(content: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    found = Content(content)
    version = found.metadata.get('format_version')
    if type(version) is not int or version not in READ_VERSIONS:
        raise Damaged(
            f'it has format version {version!r:.40}, this package reads '
            f'{" and ".join(map(str, READ_VERSIONS))}'
        )
    if SUM not in found.metadata and version > 1:
        raise Damaged(f'its {SUM} is missing')
    check_metadata(found.metadata, found.shapes)
    return found.metadata, found.tensors()


def load_adapter(root: nn.Module, path: str | Path) -> dict[str, Any]:
    """Load the rows of an adapter file into ``root``, all or nothing.

    Rows that the file does not hold are untrained afterwards, whatever
    ``root`` had before.

    Args:
        root: A network with adapters, the base already loaded.
        path: The file.

    Returns:
        The file's metadata.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged, or for another base, stack, site
            list, method or combination; the sentence says what differs.

    >>> from tempfile import TemporaryDirectory
    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> bank = attach(network, stack)
    >>> _ = bank.samples_seen.fill_(1)  # as if it had been trained
    >>> with TemporaryDirectory() as folder:
    ...     _ = save_adapter(network, f'{folder}/adapter.safetensors')
    ...     load_adapter(network, f'{folder}/adapter.safetensors')['rows']
    'table'
    """
    metadata, tensors = read_adapter(path)
    bank = bank_of(root)
    check_same(metadata, describe(root), path, bank.options)
    seen = metadata['samples_seen']
    strange = sorted(set(seen) - set(bank.rows.names))
    if strange:
        raise ValueError(
            f'{str(path)!r} was trained for {strange[0]!r}, this network only '
            f'for {list(bank.rows.names)}; check `model.adapter.combinations`'
        )
    check_fill(bank, tensors, path)
    check_predictors(bank, tensors, path)
    put(bank, tensors, seen)
    return metadata


@torch.no_grad()
def put(
    bank: AdapterBank, tensors: Mapping[str, Tensor], seen: Mapping[str, int]
) -> None:
    """Let ``bank`` hold this and nothing else.

    Args:
        bank: Whose rows and learned fill are set.
        tensors: As in a file of its row mode, checked.
        seen: How many samples each combination saw.
    """
    places = {
        name: bank.rows.get_parameter(key)
        for name, key in bank.rows.stored(bank.rows.names).items()
    }
    for name in bank.fill_vectors:
        places[f'{FILL}{name}'] = bank.get_parameter(f'{FILL}{name}')
    for name, value in bank.predictors.state_dict().items():
        places[f'{PREDICTORS}{name}'] = value
    for name, parameter in places.items():
        if name in tensors:
            parameter.copy_(tensors[name])
        else:
            parameter.zero_()
    counts = [seen.get(name, 0) for name in bank.rows.names]
    bank.samples_seen.copy_(torch.tensor(counts))
