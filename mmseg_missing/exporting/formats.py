"""Write a graph as ONNX, torch.export or TorchScript, and check the file."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

import torch

from ..values import first_line
from .checks import TOLERANCE, compare_file, example
from .graph import Graph
from .writers import write_file

FORMATS = {'onnx': '.onnx', 'torch-export': '.pt2', 'torchscript': '.ts'}
NEEDED = ('onnx', 'onnxruntime')
STDOUT = 1  # the file descriptor


@dataclass(frozen=True)
class Exported:
    """A file that was checked.

    Args:
        path: It.
        batch: Images per call; None: any number.
        size: (h, w) of images; None: any.
        checked: The (n, h, w) that were compared with PyTorch.
        error: The largest difference there; of masks the share of pixels
            that differ.
    """

    path: Path
    batch: int | None
    size: tuple[int, int] | None
    checked: tuple[tuple[int, int, int], ...]
    error: float


def write_graph(
    graph: Graph,
    path: str | Path,
    size: tuple[int, int],
    kind: str = 'onnx',
    is_fixed: bool = False,
) -> Exported:
    """Write a graph, run the file, and compare it with PyTorch.

    Batch and size are free where the network allows it; else the size alone
    is fixed, then both.

    Args:
        graph: Graph in evaluation mode.
        path: File to write.
        size: (h, w) to trace with, and the one that is fixed.
        kind: A key of ``FORMATS``.
        is_fixed: Fix the size in any case: what absent modalities compute is
            then a constant, which a runtime computes once.

    Raises:
        ImportError: packages that the format needs.
        ValueError: a network that cannot be written, or whose file does not
            do what PyTorch does.
    """
    _require(kind)
    path = Path(path)
    graph.requires_grad_(False)
    free = [(True, False), (False, False)]
    trials = free if is_fixed else [(True, True), *free]
    reasons: list[str] = []
    for any_batch, any_size in trials:
        try:
            with _quiet():
                at_size = example(graph, (1, *size))
                with nullcontext() if any_size else graph.fixed(at_size):
                    write_file(graph, path, size, kind, any_batch, any_size)
                checked, error = compare_file(
                    graph, path, size, kind, any_batch, any_size
                )
        except Exception as problem:  # exporters raise all that there is
            reasons.append(_reason(problem))
            continue
        if error <= TOLERANCE:
            batch = None if any_batch else 1
            fixed = None if any_size else tuple(size)
            return Exported(path, batch, fixed, checked, error)
        reasons.append(f'the file differs from PyTorch by {error:.2g}')
    path.unlink(missing_ok=True)
    raise ValueError(
        f'{type(graph.network.backbone).__name__} for '
        f'{"+".join(graph.names)} cannot be written as {kind}: {reasons[-1]}'
    )


def quantize(path: str | Path, out: str | Path) -> None:
    """Write an ONNX file again with weights of 8 bits.

    Quantisation is dynamic: the range of activations is that of each image,
    so no images are needed here. What it does to scores has to be measured.

    Args:
        path: Path of an ONNX file.
        out: To write.

    Raises:
        ImportError: packages that this needs.
    """
    _require('onnx')
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(), _no_advice():
        # Convolutions of ONNX Runtime take unsigned weights alone.
        quantize_dynamic(path, out, weight_type=QuantType.QUInt8)


@contextmanager
def _no_advice() -> Iterator[None]:
    """Silence what a library advises by the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _require(kind: str) -> None:
    """Say what to install, if something is missing."""
    lacking = [n for n in NEEDED if kind == 'onnx' and find_spec(n) is None]
    if lacking:
        raise ImportError(
            f'ONNX needs {", ".join(lacking)}; pip install '
            '"mmseg-missing[export]"'
        )
    if kind != 'torchscript' and not hasattr(torch.export, 'Dim'):
        raise ImportError(
            f'{kind} needs torch 2.6 or newer, this is {torch.__version__}; '
            'take --format torchscript'
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what exporters say of their own progress to themselves.

    One that fails prints its whole graph, past Python's own output.
    """
    with ExitStack() as blocks:
        blocks.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore')
        blocks.enter_context(redirect_stdout(StringIO()))
        kept = os.dup(STDOUT)
        blocks.callback(os.close, kept)
        blocks.callback(os.dup2, kept, STDOUT)
        nowhere = blocks.enter_context(open(os.devnull, 'wb'))
        os.dup2(nowhere.fileno(), STDOUT)
        yield


def _reason(error: Exception) -> str:
    """Return a line of what an exporter raised: the op, if it names one."""
    text = str(error)
    op = re.search(r'(?:No .*function found for|[Uu]nsupported.*?) .*', text)
    if op:
        return first_line(op[0])
    cause = error.__cause__
    return (
        _reason(cause) if isinstance(cause, Exception) else first_line(error)
    )
