"""The adapter file: safetensors with the trained rows, JSON beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..version import __version__
from .attach import BANK
from .bank import AdapterBank
from .file_checks import check_counts, check_fill, check_rows, check_same
from .frozen import fingerprint

FORMAT_VERSION = 1


def describe(root: nn.Module) -> dict[str, Any]:
    """Return what an adapter file says of the network it belongs to."""
    bank = _bank(root)
    return {
        'format_version': FORMAT_VERSION,
        'method': bank.method.__name__,
        'options': bank.options,
        'rows': bank.row_mode,
        'row_options': bank.row_options,
        'network': type(root).__name__,
        'stack': [
            [m.name, m.channels, list(m.mean), list(m.std)] for m in bank.stack
        ],
        'sites': [
            [s.name, s.kind, width]
            for s, width in zip(bank.sites, bank.widths)
        ],
        'batch_major': [s.name for s in bank.sites if s.is_batch_major],
        'identity': _digest(bank.identity),
        'base': fingerprint(root),
    }


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
            one that is not finite.
        OSError: the file cannot be written.
    """
    bank = _bank(root)
    if not bank.trained:
        raise ValueError(
            'no adapter row was trained; there is nothing to save'
        )
    metadata = {**describe(root), 'mmseg_missing_version': __version__}
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
    for name in bank.fill or ():
        tensors[f'fill.{name}'] = (state or bank.state_dict())[f'fill.{name}']
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
    parsed = [bank.stack.format(bank.stack.parse(c)) for c in combinations]
    for name in parsed:
        if name not in bank.served:
            raise ValueError(
                f'no trained row for {name!r}, only for {list(bank.served)}'
            )
    with torch.no_grad():
        return dict(zip(parsed, bank.rows(parsed)))


def annotate_adapter(path: str | Path, extra: Mapping[str, Any]) -> None:
    """Add facts to the metadata of an adapter file; raises as reading."""
    metadata, tensors = read_adapter(path)
    _write(path, tensors, {**metadata, **extra})


def _write(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any],
) -> None:
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    for name, values in tensors.items():
        if not values.isfinite().all():
            raise ValueError(
                f'row {name!r} is not finite; {str(path)!r} was not written'
            )
    texts = {k: json.dumps(v, default=float) for k, v in metadata.items()}
    # safetensors' own files are for their owner alone, whatever the umask.
    part = Path(f'{path}.part')
    try:
        part.write_bytes(save(tensors, texts))
        part.replace(path)
    except OSError as error:
        raise OSError(f'cannot write {str(path)!r}: {error}') from error


def read_adapter(
    path: str | Path,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return metadata and tensors of an adapter file; nothing is unpickled.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an adapter file, damaged, or of another version.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no adapter file {str(path)!r}')
    try:
        with safe_open(path, framework='pt') as file:
            metadata = {
                key: json.loads(value)
                for key, value in (file.metadata() or {}).items()
            }
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(
            f'{str(path)!r} is damaged or no adapter file: {error}'
        ) from error
    version = metadata.get('format_version')
    if version is None:
        raise ValueError(f'{str(path)!r} is no adapter file')
    if version != FORMAT_VERSION:
        raise ValueError(
            f'{str(path)!r} has adapter format version {version}, this '
            f'package reads {FORMAT_VERSION}'
        )
    return metadata, tensors


@torch.no_grad()
def load_adapter(root: nn.Module, path: str | Path) -> dict[str, Any]:
    """Load the rows of an adapter file into ``root``, all or nothing.

    Args:
        root: A network with adapters, the base already loaded.
        path: The file.

    Returns:
        The file's metadata.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is damaged, or for another base, stack, site
            list, method or combination; the sentence says what differs.
    """
    metadata, tensors = read_adapter(path)
    bank = _bank(root)
    check_same(metadata, describe(root), path)
    seen = check_counts(metadata, path)
    strange = sorted(set(seen) - set(bank.rows.names))
    if strange:
        raise ValueError(
            f'{str(path)!r} was trained for {strange[0]!r}, this network only '
            f'for {list(bank.rows.names)}; check `model.adapter.combinations`'
        )
    fills = {k: v for k, v in tensors.items() if k.startswith('fill.')}
    check_fill(bank, fills, path)
    rows = {k: v for k, v in tensors.items() if k not in fills}
    check_rows(bank.rows, rows, seen, path)
    bank.rows.load(rows)
    for key, vector in fills.items():
        bank.get_parameter(key).copy_(vector)
    for name, count in seen.items():
        bank.samples_seen[bank.rows.names.index(name)] = count
    return metadata


def _digest(numbers: Tensor) -> str:
    """Return 16 hex digits that tell where rows are counted from."""
    data = numbers.detach().to('cpu', torch.float32).contiguous()
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()[:16]


def _bank(root: nn.Module) -> AdapterBank:
    bank = getattr(root, BANK, None)
    if not isinstance(bank, AdapterBank):
        raise ValueError(
            f'{type(root).__name__} has no adapters; set `model.adapter`'
        )
    return bank
