"""A graph compared with its network, and a file with its graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..models.segmentors.missing_modality_segmentor import SHAPES
from .graph import Graph

# Largest difference to PyTorch, in parts of the largest logit where that is
# above 1.
TOLERANCE = 1e-4


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
        # Threads that wait take a core from whatever runs next.
        options.add_session_config_entry('session.force_spinning_stop', '1')
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


def compare_file(
    graph: Graph,
    path: Path,
    size: tuple[int, int],
    kind: str,
    any_batch: bool,
    any_size: bool,
) -> tuple[tuple[tuple[int, int, int], ...], float]:
    """Run file and graph on several sizes; return these and the error.

    Args: those of :func:`~mmseg_missing.exporting.writers.write_file`.

    Returns:
        The (n, h, w) that were run, and the largest difference.
    """
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
