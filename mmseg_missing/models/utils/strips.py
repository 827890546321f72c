"""Steps over large maps, in inference some rows at a time.

A hidden map of many channels leaves the caches, and memory of 32 MiB and
more is asked of the system, and cleared, anew for each layer. Rows are the
same whether they are computed together or not, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _global_forward_pre_hooks

from ...products import is_plain_inference
from .in_place import is_unseen

LEAST = 16 * 2**20  # bytes of the hidden map, below which it stays whole
STRIP = 6 * 2**20  # bytes of it in one strip
FEWEST_ROWS = 8  # a strip's neighbours, which are computed twice, are 2 more


def in_strips(
    run: Callable[[Tensor], Tensor],
    x: Tensor,
    layers: Sequence[nn.Module],
    width: int,
    margin: int = 0,
) -> Tensor:
    """Return ``run(x)``, large maps on a CPU in strips of rows.

    A map stays whole where gradients, a trace, a hook that looks on or an
    adapter that is not local would see the difference.

    Args:
        run: Maps (n, c, h, w) to (n, c_out, h, w).
        x: (n, c, h, w).
        layers: All that ``run`` calls.
        width: Channels of the widest map within ``run``.
        margin: How many rows above and below a row has to know.
    """
    rows = _rows(x, width, margin)
    if (
        rows is None
        or not all(map(_may_be_parted, layers))
        or sum(map(_reach, layers)) > margin
    ):
        return run(x)
    height, parts = x.shape[2], []
    for start in range(0, height, rows):
        top = max(0, start - margin)
        y = run(_channels_last(x[:, :, top : start + rows + margin]))
        parts.append(y[:, :, start - top : start - top + rows])
    return _channels_last(torch.cat(parts, 2))


def _rows(x: Tensor, width: int, margin: int) -> int | None:
    """Return how many rows a strip has; None: all."""
    if not is_plain_inference():  # first: traces see what sizes decide
        return None
    n, _, h, w = x.shape
    row = n * w * width * x.element_size()
    if (
        h * row < LEAST  # next, for small networks
        or x.device.type != 'cpu'
        or not x.is_contiguous(memory_format=torch.channels_last)
    ):
        return None
    rows = max(FEWEST_ROWS, STRIP // row)
    return rows if (rows + 2 * margin) * row < LEAST else None


def _may_be_parted(layer: nn.Module) -> bool:
    """Say whether nobody sees, or needs, the whole of a layer's map."""
    adapter = getattr(layer, 'adapter', None)
    return (
        (adapter is None or adapter.is_local)
        and is_unseen(layer)
        and not layer._forward_pre_hooks
        and not _global_forward_pre_hooks
    )


def _reach(layer: nn.Module) -> float:
    """Return how many rows above and below a layer looks at.

    Somebody may have put another one in the place of ours. Of one that
    changes the height, or sees more than zeros beyond it, that is all.
    """
    if not isinstance(layer, nn.Conv2d):
        return 0
    reach = layer.dilation[0] * (layer.kernel_size[0] - 1) / 2
    keeps = layer.stride[0] == 1 and layer.padding[0] == reach
    return reach if keeps and layer.padding_mode == 'zeros' else math.inf


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
