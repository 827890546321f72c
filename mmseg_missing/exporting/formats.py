"""Write a graph as ONNX, torch.export or TorchScript, and check the file."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.onnx import symbolic_helper

from ..models.imputers.feature_imputer import pooling_matrix
from ..models.segmentors.missing_modality_segmentor import SHAPES
from ..values import first_line
from .graph import PRESENT, Graph

FORMATS = {'onnx': '.onnx', 'torch-export': '.pt2', 'torchscript': '.ts'}
OPSET = 18
# Largest difference to PyTorch, in parts of the largest logit where that is
# above 1.
TOLERANCE = 1e-4
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
                    WRITERS[kind](graph, path, size, any_batch, any_size)
                checked, error = _compare(
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


def example(
    graph: Graph, shape: tuple[int, int, int], seed: int = 0
) -> tuple[Tensor, ...]:
    """Return inputs of a graph as its data set has them, drawn by a seed.

    Args:
        graph: Says which.
        shape: (n, h, w).
        seed: Seed of the draws.
    """
    generator = torch.Generator().manual_seed(seed)
    n, h, w = shape
    inputs = []
    for name in graph.names:
        modality = graph.stack[name]
        mean, std = (
            torch.tensor(v)[:, None, None]
            for v in (modality.mean, modality.std)
        )
        x = torch.randn(n, modality.channels, h, w, generator=generator)
        inputs.append(mean + std * x)
    if graph.takes_present:
        count = len(graph.stack)
        place = torch.arange(n) * 5 + seed + 1
        places = 1 + place % (2**count - 1)
        inputs.append((places[:, None] >> torch.arange(count) & 1).bool())
    return tuple(inputs)


def _program(
    graph: Graph, size: tuple[int, int], any_batch: bool, any_size: bool
) -> Any:
    """Return the exported program; what is free must stay free."""
    from torch.export import Dim

    h, w = size
    inputs = example(graph, (2 if any_batch else 1, h, w))
    shapes: list[dict[int, Any]] = []
    for x in inputs:
        free = {0: Dim.DYNAMIC} if any_batch else {}
        if any_size and x.ndim == 4:
            free |= {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
        shapes.append(free)
    return torch.export.export(
        graph, inputs, dynamic_shapes=(tuple(shapes),), strict=False
    )


def _write_onnx(
    graph: Graph,
    path: Path,
    size: tuple[int, int],
    any_batch: bool,
    any_size: bool,
) -> None:
    """Write by tracing: seconds, where torch.export takes minutes."""
    free = {0: 'n'} if any_batch else {}
    image = {**free, **({2: 'h', 3: 'w'} if any_size else {})}
    output = {0: 'n'} if any_batch else {}
    if any_size:
        first = 1 if graph.argmax else 2
        output |= {first: 'h', first + 1: 'w'}
    name = output_name(graph)
    axes = dict.fromkeys(graph.names, image)
    axes |= {PRESENT: free, name: output}
    with _knowing_ops():
        torch.onnx.export(
            graph,
            example(graph, (2 if any_batch else 1, *size)),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=graph.input_names,
            output_names=[name],
            dynamic_axes=axes,
        )


def _addcmul(g: Any, x: Any, a: Any, b: Any, *value: Any) -> Any:
    return g.op('Add', x, g.op('Mul', a, b))  # no adapter sets `value`


def _transposed(g: Any, x: Any) -> Any:
    order = [*range(x.type().dim())]
    order[-2:] = order[:-3:-1]
    return g.op('Transpose', x, perm_i=order)


def _pooled(g: Any, x: Any, size: Any) -> Any:
    """Write adaptive pooling as a product of matrices, at one size."""
    sides = (x.type().sizes() or [None] * 4)[2:]
    cells = symbolic_helper._maybe_get_const(size, 'is')
    if None in sides or not isinstance(cells, (list, tuple)):
        raise ValueError('adaptive pooling needs images of one size')
    rows, columns = (
        g.op('Constant', value_t=pooling_matrix(side, n))
        for side, n in zip(sides, cells)
    )
    columns = g.op('Transpose', columns, perm_i=[1, 0])
    return g.op('MatMul', g.op('MatMul', rows, x), columns)


# What the exporter lacks, or fails with.
OPS = {
    'aten::addcmul': _addcmul,
    'aten::mT': _transposed,
    'aten::adaptive_avg_pool2d': _pooled,
}


@contextmanager
def _knowing_ops() -> Iterator[None]:
    """Teach the exporter ``OPS`` within this block."""
    for name, write in OPS.items():
        torch.onnx.register_custom_op_symbolic(name, write, OPSET)
    try:
        yield
    finally:
        for name in OPS:
            torch.onnx.unregister_custom_op_symbolic(name, OPSET)


def output_name(graph: Graph) -> str:
    """Return what a graph gives, in a word."""
    return 'mask' if graph.argmax else 'logits'


def _write_torch_export(graph: Graph, path: Path, *how: Any) -> None:
    torch.export.save(_program(graph, *how), str(path))


def _write_torchscript(
    graph: Graph,
    path: Path,
    size: tuple[int, int],
    any_batch: bool,
    any_size: bool,
) -> None:
    inputs = example(graph, (2 if any_batch else 1, *size))
    traced = torch.jit.trace(graph, inputs, check_trace=False)
    traced.save(str(path))


WRITERS: dict[str, Callable[..., None]] = {
    'onnx': _write_onnx,
    'torch-export': _write_torch_export,
    'torchscript': _write_torchscript,
}


def load_graph(
    path: str | Path, kind: str, threads: int | None = None
) -> Callable[..., np.ndarray]:
    """Return a function of arrays that runs a file.

    Args:
        path: Path of a file that :func:`write_graph` wrote.
        kind: Format of the file.
        threads: Number of threads of ONNX Runtime; default: all.
    """
    if kind == 'onnx':
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        session = onnxruntime.InferenceSession(
            str(path), options, ['CPUExecutionProvider']
        )
        names = [given.name for given in session.get_inputs()]
        return lambda *xs: session.run(None, dict(zip(names, xs)))[0]
    if kind == 'torch-export':
        run: nn.Module = torch.export.load(str(path)).module()
    else:
        run = torch.jit.load(str(path))
    return lambda *xs: run(*map(torch.from_numpy, xs)).numpy()


def _compare(
    graph: Graph,
    path: Path,
    size: tuple[int, int],
    kind: str,
    any_batch: bool,
    any_size: bool,
) -> tuple[tuple[tuple[int, int, int], ...], float]:
    """Run file and graph on several sizes; return these and the error."""
    h, w = size
    n = 3 if any_batch else 1
    shapes = [(n, h, w), (1, h, w)]
    if any_size:
        shapes += [(1, h + 32, w + 64), (n, h + 5, w + 3)]
    run, worst = load_graph(path, kind), 0.0
    shapes = list(dict.fromkeys(shapes))
    for seed, shape in enumerate(shapes, 1):
        inputs = example(graph, shape, seed)
        expected = graph(*inputs).numpy()
        found = run(*[x.numpy() for x in inputs])
        worst = max(worst, difference(found, expected))
    return tuple(shapes), worst


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return how far logits are apart, or the share of a mask's pixels.

    Args:
        found: Content of a file.
        expected: Result of PyTorch.
    """
    if found.shape != expected.shape:
        return float('inf')
    if expected.dtype == np.uint8:
        return float((found != expected).mean())
    largest = max(1.0, float(np.abs(expected).max()))
    gap = np.abs(found - expected).max() / largest
    return float(gap) if np.isfinite(gap) else float('inf')


@torch.no_grad()
def check_graph(graph: Graph, size: tuple[int, int]) -> None:
    """Refuse a graph that is not what its network does in a test.

    Files are compared with the graph, and this is compared with the network,
    given all that the graph takes, then each modality alone.

    Args:
        graph: Graph of logits, in evaluation mode.
        size: (h, w) of the images to look at.

    Raises:
        ValueError: it is something else.
    """
    network, stack = graph.network, graph.stack
    names = ['+'.join(graph.names)]
    if graph.takes_present:
        names += stack.names
    for seed, name in enumerate(dict.fromkeys(names)):
        inputs = example(graph, (1, *size), seed)
        given = dict(zip(graph.names, inputs))
        parts = [
            given.get(m.name, torch.zeros(1, m.channels, *size)) for m in stack
        ]
        present = stack.present(name)
        data = {'inputs': list(torch.cat(parts, 1))}
        # One that pads says so to its samples, and fails without.
        data['data_samples'] = [SegDataSample()]
        batch = network.data_preprocessor(data, False)
        x = batch['inputs'][..., : size[0], : size[1]]  # without padding
        meta = {**dict.fromkeys(SHAPES, tuple(size)), 'present': present[0]}
        expected = network.encode_decode(x, [meta])
        if graph.takes_present:
            inputs = (*inputs[:-1], present)
        gap = difference(graph(*inputs).numpy(), expected.numpy())
        if gap > TOLERANCE:
            raise ValueError(
                f'the graph for {name} is not what the network does (it '
                f'differs by {gap:.2g}); this network cannot be exported'
            )


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
