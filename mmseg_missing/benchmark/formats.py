"""One network in several formats, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# How the memory comes about, for reports.
PEAK_MEASURED_BY = (
    'largest resident size (VmHWM, else ru_maxrss) of a fresh process that '
    'loads the format and runs three times, its libraries included'
)
COLUMNS = (
    *('present', 'format', 'mIoU', 'agrees, %', 'MiB on disk', 'ms'),
    *('fastest', 'ratio', '10-90 %', 'peak MiB'),
)


@dataclass(frozen=True)
class FormatResult:
    """One format of a network under one combination.

    Args:
        combination: What was present.
        name: Name of the format.
        why: What did not work, in a few words; '': it all did. What was
            measured before stays.
        miou: In per cent, of the images that were looked at.
        agreement: Share of their pixels whose class is that of the network
            as it was trained, in float32.
        file_mib: What has to be shipped; None: no file of its own.
        latency_ms: Latency of one image, from arrays to classes: median, min,
            p10, p90.
        ratio: The same of the times in parts of the reference's in the same
            round.
        peak_mib: See :data:`PEAK_MEASURED_BY`.
        libraries_mib: How much of it was there before the format was loaded.
        size: (h, w) of the images.
        images: How many were scored: fewer than asked for where the split
            has no more that have the combination and this size.
    """

    combination: str
    name: str
    why: str = ''
    miou: float | None = None
    agreement: float | None = None
    file_mib: float | None = None
    latency_ms: dict[str, float] | None = None
    ratio: dict[str, float] | None = None
    peak_mib: float | None = None
    libraries_mib: float | None = None
    size: tuple[int, int] | None = None
    images: int | None = None


def format_table(results: Sequence[FormatResult]) -> str:
    """Return a Markdown table, a row for each result."""
    lines = [COLUMNS, ('---',) * 2 + ('---:',) * (len(COLUMNS) - 2)]
    lines += [_cells(result) for result in results]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in lines)


def _cells(result: FormatResult) -> tuple[str, ...]:
    latency, ratio = result.latency_ms or {}, result.ratio or {}
    spread = f'{ratio["p10"]:.2f}-{ratio["p90"]:.2f}' if ratio else '-'
    share = result.agreement
    cells = (
        _number(result.miou, 2),
        _number(None if share is None else 100 * share, 2),
        _number(result.file_mib, 2),
        _number(latency.get('median'), 1),
        _number(latency.get('min'), 1),
        _number(ratio.get('median'), 2),
        spread,
        _number(result.peak_mib, 0),
    )
    name = f'{result.name}: {result.why}' if result.why else result.name
    return result.combination, name.replace('|', '/'), *cells


def _number(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'
