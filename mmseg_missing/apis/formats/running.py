"""How a format runs: in this process, and in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from ...evaluation.batches import masks_of
from ...exporting import Graph, load_graph
from ...models.segmentors.masks import unpadded
from ..inferencer import MultiModalInferencer
from . import process
from .frame import Frame

Run: TypeAlias = Callable[[Frame], Tensor]


@dataclass(frozen=True)
class Files:
    """What a process needs to run a format.

    Args:
        kind: A kind of format, see :func:`compare_formats`.
        path: A network or graph.
        config: Config of the network, with
        checkpoint: and
        adapter: what the inferencer takes.
        threads: Number of threads of the processor.
        frame: To run.
        arrays: The same for a graph.
    """

    kind: str
    path: str
    config: str
    checkpoint: str
    adapter: str | None
    threads: int
    frame: str
    arrays: str


def load_format(files: Files, finish: Callable | None = None) -> Run:
    """Return what makes (h, w) classes of a frame.

    Args:
        files: Which, and where it lies.
        finish: What makes a mask of an ONNX file's logits and a sample.
    """
    if files.kind == 'inferencer':
        return _inferencer(files)
    if files.kind in ('onnx', 'int8'):
        run = load_graph(files.path, 'onnx', files.threads)
        return _graph(lambda *xs: torch.from_numpy(run(*xs)), finish)
    network = torch.load(files.path, weights_only=False)
    if files.kind == 'compiled':
        compiled = torch.compile(Graph(network).eval())
        return _graph(
            lambda *xs: compiled(*map(torch.from_numpy, xs)),
            network.mask_of,
        )
    return _network(network)


def memory_of(files: Files) -> tuple[float, float]:
    """Return MiB of a process that runs a format: libraries, and all."""
    code = 'import runpy, sys; runpy.run_path(sys.argv[2], None, "__main__")'
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, os.environ.get('PYTHONPATH', '')])
    done = subprocess.run(
        [
            *(sys.executable, '-c', code),
            *(json.dumps(asdict(files)), process.__file__),
        ],
        env={**os.environ, 'PYTHONPATH': paths},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ['it was killed']
        raise RuntimeError(f'in a process of its own: {lines[-1]}')
    before, peak = json.loads(done.stdout.splitlines()[-1])
    return before / 1024, peak / 1024


def _network(network: nn.Module) -> Run:
    dtype = next(network.parameters()).dtype

    @torch.no_grad()
    def run(frame: Frame) -> Tensor:
        data = {'inputs': [frame.inputs], 'data_samples': [frame.sample.new()]}
        batch = network.data_preprocessor(data, False)
        [found] = masks_of(
            network, batch['inputs'].to(dtype), batch['data_samples']
        )
        return found.pred_sem_seg.data[0]

    return run


def _graph(run_graph: Callable[..., Tensor], finish: Callable) -> Run:
    @torch.no_grad()
    def run(frame: Frame) -> Tensor:
        found = run_graph(*frame.arrays.values())
        if found.ndim == 3:  # it ends with classes
            return unpadded(found[None], frame.told.metainfo)[0, 0]
        return finish(found, frame.told.new())

    return run


def _inferencer(files: Files) -> Run:
    segment = MultiModalInferencer(
        files.config, files.checkpoint, files.adapter
    )
    return lambda frame: torch.from_numpy(segment.segment(frame.given))
