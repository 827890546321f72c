"""Formats of one network, scored and timed on the same images."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn
from torch.utils.data import Dataset

from ...benchmark import interleave, ratio_spread, spread
from ...benchmark.formats import FormatResult
from ...evaluation.confusion import confusion_matrix
from ...evaluation.scores import CombinationScores
from ...exporting import Graph, quantize, write_graph
from ...startup.plan import build_data
from ...values import MOST_CLASSES, first_line
from ..fold import folded_network
from ..frames import FrameReader
from ..model import init_model
from .frame import Frame, frame_of
from .running import Files, Run, load_format, memory_of

# The first one is what the others are compared with.
KINDS = ('eager', 'folded', 'compiled', 'bf16', 'onnx', 'int8', 'inferencer')
MIB = 2**20
FEW_WORDS = 90


def compare_formats(
    cfg: Config,
    checkpoint: str | Path,
    adapter: str | Path | None = None,
    combinations: str | Sequence[str] = 'every',
    kinds: Sequence[str] = KINDS,
    images: int = 50,
    repeats: int = 10,
    split: str = 'test',
    advance: Callable[[str], None] = lambda text: None,
) -> Iterator[FormatResult]:
    """Yield a result for each combination and format.

    All formats of a combination see the same images, and run in turn. One
    that does not work gives a result that says why.

    Args:
        cfg: Config of the base or its sibling; it is kept as it is.
        checkpoint: A base or a joined one.
        adapter: Adapter file.
        combinations: What to have present, see :meth:`Stack.choose`.
        kinds: Kinds of ``KINDS``; ``eager`` and ``folded`` always are.
        images: How many of the split are scored, evenly spaced.
        repeats: Rounds of timing.
        split: ``test`` or ``val``.
        advance: Called before each part with what is done.

    Raises:
        ValueError: an unknown format, a folded checkpoint, or no image of a
            combination.
    """
    strange = set(kinds) - set(KINDS)
    if strange:
        raise ValueError(
            f'formats are {", ".join(KINDS)}, got {sorted(strange)}; check '
            '--formats'
        )
    model = init_model(cfg, checkpoint, adapter)
    if model.folded is not None:
        raise ValueError(
            f'{str(checkpoint)!r} is folded for {model.folded} already; give '
            'the base or the joined checkpoint'
        )
    chosen = [k for k in KINDS if k in (*kinds, 'eager', 'folded')]
    dataset = build_data(model.cfg, split)
    for name in model.stack.choose(combinations):
        with TemporaryDirectory() as folder:
            study = _Study(model, name, Path(folder), images, dataset)
            study.files |= {
                'config': str(Path(folder, 'config.py')),
                'checkpoint': str(checkpoint),
                'adapter': None if adapter is None else str(adapter),
            }
            cfg.dump(study.files['config'])
            yield from study.results(chosen, repeats, advance)


class _Study:
    """The formats of one combination.

    Args:
        model: In eager mode.
        name: The combination.
        folder: For files.
        images: How many are scored.
        dataset: They are of.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        folder: Path,
        images: int,
        dataset: Dataset,
    ) -> None:
        self.model, self.name, self.folder = model, name, folder
        self.dataset, self.images = dataset, images
        self.reader = FrameReader(model.cfg)
        self.first = next(self.frames())
        self.files: dict[str, Any] = {
            'threads': torch.get_num_threads(),
            'frame': str(folder / 'frame.pt'),
            'arrays': str(folder / 'arrays.npz'),
        }
        torch.save(self.first, self.files['frame'])
        np.savez(self.files['arrays'], **self.first.arrays)

    def frames(self) -> Iterator[Frame]:
        """Yield evenly spaced images that have the combination.

        Raises:
            ValueError: there is none.
        """
        count = len(self.dataset)
        spaced = np.linspace(0, count - 1, min(self.images, count))
        size, any_left = None, False
        for index in dict.fromkeys(round(place) for place in spaced):
            frame = frame_of(
                self.model, self.dataset, index, self.name, self.reader
            )
            if frame is not None and size in (None, frame.size):
                size, any_left = frame.size, True
                yield frame
        if not any_left:
            raise ValueError(
                f'none of the {count} images that were looked at has '
                f'{self.name}; give others with --present, or more --images'
            )

    def results(
        self,
        kinds: Sequence[str],
        repeats: int,
        advance: Callable[[str], None],
    ) -> Iterator[FormatResult]:
        """Yield the results of all formats."""
        height, width = self.first.inputs.shape[1:]
        found = {
            kind: FormatResult(self.name, kind, size=(height, width))
            for kind in kinds
        }
        runs: dict[str, Run] = {}
        for kind in kinds:
            advance(f'{self.name}: {kind}')
            try:
                files = Files(kind, str(self.path(kind)), **self.files)
                size = self.write(kind)
                runs[kind] = load_format(files, self.model.mask_of)
                runs[kind](self.first)
                before, peak = memory_of(files)
            except Exception as error:  # compilers raise all that there is
                if kind == 'eager':
                    raise
                runs.pop(kind, None)
                found[kind] = replace(found[kind], why=_few_words(error))
                continue
            found[kind] = replace(
                found[kind],
                file_mib=size,
                peak_mib=peak,
                libraries_mib=before,
            )
        self._score(runs, found, advance)
        self._time(runs, found, repeats, advance)
        yield from found.values()

    def path(self, kind: str) -> Path:
        """Return where the file of a format is, or would be."""
        names = {
            'compiled': 'folded.pt',
            'onnx': 'network.onnx',
            'int8': 'network_int8.onnx',
        }
        return self.folder / names.get(kind, f'{kind}.pt')

    def write(self, kind: str) -> float | None:
        """Write what a format needs; return MiB of what is shipped."""
        path = self.path(kind)
        if kind == 'eager':
            return _save(self.model, path)
        if kind in ('compiled', 'inferencer'):
            return None
        if kind == 'int8':
            if not self.path('onnx').is_file():
                raise ValueError('there is no ONNX file')
            quantize(self.path('onnx'), path)
            return path.stat().st_size / MIB
        network = folded_network(self.model, self.name)
        if kind == 'onnx':
            shape = next(iter(self.first.arrays.values())).shape
            can_end = network.out_channels <= MOST_CLASSES
            graph = Graph(network, can_end and not self.first.is_resized)
            write_graph(graph.eval(), path, shape[2:], 'onnx', is_fixed=True)
            return path.stat().st_size / MIB
        if kind == 'bf16':
            preprocessor = network.data_preprocessor
            network.data_preprocessor = nn.Identity()
            network = network.bfloat16()
            network.data_preprocessor = preprocessor
        return _save(network, path)

    @torch.no_grad()
    def _score(
        self,
        runs: dict[str, Run],
        found: dict[str, FormatResult],
        advance: Callable[[str], None],
    ) -> None:
        """Compare with labels, and with the first format."""
        classes = len(self.dataset.metainfo['classes'])
        matrices = dict.fromkeys(runs, 0)
        equal, pixels, number = dict.fromkeys(runs, 0), 0, 0
        for frame in self.frames():
            number += 1
            advance(f'{self.name}: image {number}')
            label = frame.sample.gt_sem_seg.data[0]
            expected = runs['eager'](frame)
            pixels += label.numel()
            for kind, run in list(runs.items()):
                try:
                    mask = expected if kind == 'eager' else run(frame)
                    matrices[kind] += confusion_matrix(mask, label, classes)
                    equal[kind] += int((mask == expected).sum())
                except Exception as error:
                    if kind == 'eager':
                        raise
                    del runs[kind]
                    found[kind] = replace(found[kind], why=_few_words(error))
        for kind in runs:
            scores = CombinationScores.from_matrix(
                kind, number, matrices[kind]
            )
            found[kind] = replace(
                found[kind],
                miou=scores.miou['mmseg'],
                agreement=equal[kind] / pixels,
                images=number,
            )

    @torch.no_grad()
    def _time(
        self,
        runs: Mapping[str, Run],
        found: dict[str, FormatResult],
        repeats: int,
        advance: Callable[[str], None],
    ) -> None:
        advance(f'{self.name}: {repeats} rounds')
        seconds = interleave(
            {kind: lambda r=run: r(self.first) for kind, run in runs.items()},
            repeats,
        )
        reference = seconds.get('folded') or seconds['eager']
        for kind, times in seconds.items():
            latency = {k: 1e3 * s for k, s in spread(times).items()}
            found[kind] = replace(
                found[kind],
                latency_ms=latency,
                ratio=ratio_spread(times, reference),
            )


def _save(network: nn.Module, path: Path) -> float:
    """Write a network; return MiB of its weights alone."""
    torch.save(network, path)
    weights = io.BytesIO()
    torch.save(network.state_dict(), weights)
    return weights.tell() / MIB


def _few_words(error: Exception) -> str:
    text = first_line(error)
    return text if len(text) <= FEW_WORDS else f'{text[:FEW_WORDS]}...'
