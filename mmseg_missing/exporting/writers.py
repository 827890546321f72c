"""A graph as a file, by what each format's exporter takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.onnx import symbolic_helper

from ..models.imputers.feature_imputer import pooling_matrix
from .checks import example
from .graph import PRESENT, Graph

OPSET = 18


def write_file(
    graph: Graph,
    path: Path,
    size: tuple[int, int],
    kind: str,
    any_batch: bool,
    any_size: bool,
) -> None:
    """Trace a graph and write it; it is not run.

    Args:
        graph: Graph in evaluation mode.
        path: File to write.
        size: (h, w) to trace with.
        kind: A key of ``WRITERS``.
        any_batch: The file takes any number of images, else one.
        any_size: It takes images of any size, else of this one.
    """
    inputs = example(graph, (2 if any_batch else 1, *size))
    WRITERS[kind](graph, path, inputs, any_batch, any_size)


def _write_onnx(
    graph: Graph,
    path: Path,
    inputs: tuple[Tensor, ...],
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
    name = 'mask' if graph.argmax else 'logits'
    axes = dict.fromkeys(graph.names, image)
    axes |= {PRESENT: free, name: output}
    with _knowing_ops():
        torch.onnx.export(
            graph,
            inputs,
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=graph.input_names,
            output_names=[name],
            dynamic_axes=axes,
        )


def _write_torch_export(
    graph: Graph,
    path: Path,
    inputs: tuple[Tensor, ...],
    any_batch: bool,
    any_size: bool,
) -> None:
    """Write the exported program; what is free must stay free."""
    from torch.export import Dim

    shapes: list[dict[int, Any]] = []
    for x in inputs:
        free = {0: Dim.DYNAMIC} if any_batch else {}
        if any_size and x.ndim == 4:
            free |= {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
        shapes.append(free)
    program = torch.export.export(
        graph, inputs, dynamic_shapes=(tuple(shapes),), strict=False
    )
    torch.export.save(program, str(path))


def _write_torchscript(
    graph: Graph, path: Path, inputs: tuple[Tensor, ...], *free: bool
) -> None:
    traced = torch.jit.trace(graph, inputs, check_trace=False)
    traced.save(str(path))


WRITERS: dict[str, Callable[..., None]] = {
    'onnx': _write_onnx,
    'torch-export': _write_torch_export,
    'torchscript': _write_torchscript,
}


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
