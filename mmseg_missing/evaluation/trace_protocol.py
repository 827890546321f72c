"""The protocol of traces: each frame is scored once, as the trace says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch import Tensor

from ..modality import Stack
from .failures import Failure
from .metric import CombinationIoUMetric
from .protocols import Protocol, metric_of
from .render import check_writable, plain_table
from .traces import Markov, Trace


@dataclass(frozen=True)
class Traced(Failure):
    """Each frame has what a trace leaves, and is scored under that alone.

    Args:
        trace: With a row for each sample, by its ``sample_idx``.
        fetch: Gives the normalised image, (sum C, h, w), of a frame; needed
            where something is stale.
    """

    trace: Trace
    fetch: Callable[[int], Tensor] | None = None

    @property
    def spoils_batches(self) -> bool:
        """Whether some sensor shows an old image."""
        return self.trace.stale is not None and bool(self.trace.stale.any())

    def spoil_batch(
        self,
        inputs: Tensor,
        stack: Stack,
        available: Tensor,
        seeds: Sequence[int],
    ) -> Tensor:
        """Return a copy in which stale sensors show their last frame.

        Raises:
            ValueError: frames differ in size.
        """
        if not self.spoils_batches:
            return inputs
        inputs, shown = inputs.clone(), self.trace.shown
        for image, number in zip(inputs, seeds):
            for name, source in zip(stack.names, shown[number].tolist()):
                if source in (-1, number):
                    continue
                old, where = self.fetch(source), stack.slices[name]
                if old.shape != image.shape:
                    raise ValueError(
                        f'{name} is stale in frame {number}, whose size is '
                        f'{tuple(image.shape[1:])}, and frame {source} before '
                        f'has {tuple(old.shape[1:])}; resize all frames to '
                        'one size in the pipeline of the test'
                    )
                image[where] = old[where]
        return inputs

    def __str__(self) -> str:
        return 'trace'

    def occurring(self, combinations: Sequence[str]) -> tuple[str, ...]:
        """Return those that occur in the trace."""
        return self.trace.occurring

    def takes(
        self, needed: Tensor, has: Tensor, metas: Sequence[Mapping[str, Any]]
    ) -> Tensor:
        """Return which samples have just this combination in the trace.

        Raises:
            ValueError: a sample lacks what the trace says it has.
        """
        numbers = [meta['sample_idx'] for meta in metas]
        told = self.trace.present[torch.tensor(numbers)]
        for number, lost in zip(numbers, told & ~has):
            if lost.any():
                [names] = self.trace.stack.names_of(lost[None])
                raise ValueError(
                    f'frame {number} of the data set has no {names}, which '
                    f'{self.trace.source} says is present; give a CSV as '
                    '--trace that says 0 there'
                )
        return (told == needed).all(1)


@dataclass(frozen=True)
class TraceTable:
    """What a network scored along a trace; mIoU in per cent.

    Args:
        trace: Trace that it followed.
        settings: How it was measured.
        miou: Over the pixels of all frames together.
        combinations: Number of frames and mIoU of each that occurred.
    """

    trace: Trace
    settings: str
    miou: float
    combinations: Mapping[str, tuple[int, float]]

    @classmethod
    def from_metric(
        cls, trace: Trace, metric: CombinationIoUMetric
    ) -> TraceTable:
        """Read what the metric's last evaluation found."""
        report = metric.report
        return cls(
            trace,
            f'{report.measured}, {trace.source}',
            metric.pooled.miou[report.rule],
            {
                c.name: (c.images, c.miou[report.rule])
                for c in report.combinations
            },
        )

    @property
    def rows(self) -> dict[str, tuple[int, float]]:
        """The combinations after all frames together."""
        whole = {'all frames': (len(self.trace), self.miou)}
        return {**whole, **self.combinations}

    def to_text(self) -> str:
        """Return the table for the terminal, and the switches."""
        table = plain_table(['trace', 'frames', 'mIoU'])
        table.title = self.settings
        for name, (frames, miou) in self.rows.items():
            table.add_row([name, frames, f'{miou:.2f}'])
        count = self.trace.switches
        text = f'{table.get_string()}\nswitches between frames: {count}'
        return f'{text}\nstale images: {self.stale}' if self.stale else text

    @property
    def stale(self) -> int:
        """How many images are old ones."""
        return 0 if self.trace.stale is None else int(self.trace.stale.sum())

    def to_csv(self) -> str:
        """Return one line per row."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator='\n')
        writer.writerow(['trace', 'frames', 'mIoU'])
        for name, (frames, miou) in self.rows.items():
            writer.writerow([name, frames, f'{miou:.4f}'])
        return text.getvalue()

    def to_json(self) -> str:
        """Return all but the trace itself."""
        fields = {
            'protocol': 'trace',
            'settings': self.settings,
            'switches': self.trace.switches,
            **({'stale': self.stale} if self.stale else {}),
            'rows': {
                name: {'frames': frames, 'miou': miou}
                for name, (frames, miou) in self.rows.items()
            },
        }
        return json.dumps(fields, indent=2)

    def write(self, folder: str | Path) -> None:
        """Write ``trace.json``, ``.csv``, and ``trace_frames.csv``.

        The last is the trace itself, which can be given back.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = check_writable(folder)
        (folder / 'trace.json').write_text(
            self.to_json() + '\n', encoding='utf-8'
        )
        (folder / 'trace.csv').write_text(self.to_csv(), encoding='utf-8')
        (folder / 'trace_frames.csv').write_text(
            self.trace.to_csv(), encoding='utf-8'
        )


@dataclass(frozen=True)
class TraceProtocol(Protocol):
    """The frames of a data set along a trace.

    Args:
        source: A trace, or rates to draw one.
    """

    name: str = field(default='trace', init=False)
    failures: tuple[Failure, ...] = field(default=(), init=False)
    source: Trace | Markov

    def asks(self, given: Any, known: Any) -> str:
        """Return all combinations: the trace says which are scored.

        Raises:
            ValueError: others were asked for.
        """
        if given:
            raise ValueError(
                'a trace says what is present in each frame; leave '
                '--present out, or --trace'
            )
        return 'subsets'

    def occurring(self, combinations: Sequence[str], dataset: Any) -> Any:
        """See :meth:`Protocol.occurring`.

        Raises:
            ValueError: as :meth:`trace_of`.
        """
        return self.trace_of(dataset).occurring

    def trace_of(self, dataset: Any) -> Trace:
        """Return the trace of the frames of a data set.

        Raises:
            ValueError: it is too short, or several data sets are joined,
                each of which counts its own frames.
        """
        if hasattr(dataset, 'datasets'):
            raise ValueError(
                'a trace counts the frames of one data set, and '
                '`test_dataloader` joins several; test each by itself'
            )
        return self.source.first(len(dataset))

    def run(self, runner: Runner, out: str | Path | None = None) -> TraceTable:
        """Test once, and print and write the table.

        Args:
            runner: Ready to test, with a ``CombinationTestLoop``.
            out: Folder for the table; None: it is only printed.

        Raises:
            ValueError: no ``CombinationIoUMetric``, or as :meth:`trace_of`.
        """
        loop = runner.test_loop
        trace = self.trace_of(loop.dataloader.dataset)
        loop.set_failure(Traced(trace, _fetching(loop)))
        runner.test()
        metric = metric_of(loop.evaluator.metrics)
        table = TraceTable.from_metric(trace, metric)
        runner.logger.info(f'\n{table.to_text()}')
        if out and is_main_process():
            table.write(out)
        return table


def _fetching(loop: Any) -> Callable[[int], Tensor]:
    """Return what reads one frame of a loop's data anew, normalised."""

    def fetch(number: int) -> Tensor:
        batch = pseudo_collate([loop.dataloader.dataset[number]])
        return loop.model.data_preprocessor(batch, False)['inputs'][0]

    return fetch
