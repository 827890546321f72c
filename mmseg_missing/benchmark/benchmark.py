"""What a forward and a training step cost, per combination and network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from prettytable import PrettyTable
from torch import nn

from .measuring import interleave, peak_bytes, ratio_spread, spread
from .steps import Forward, Training, random_batch
from .variants import Variants

# What stands below the ratios of a step.
REFERENCE = {'forward': 'base', 'training': 'finetune'}
COLUMNS = (
    'present',
    'step',
    'network',
    'ms',
    'fastest',
    'ratio',
    '10-90 %',
    'images/s',
    'peak MiB',
    'learns',
)


@dataclass(frozen=True)
class Measurement:
    """One network in one step under one combination.

    Args:
        combination: What was present.
        step: ``forward`` (raw scores, no gradient) or ``training`` (loss,
            backward, AdamW).
        network: One of :data:`~mmseg_missing.benchmark.variants.KINDS`.
        latency_ms: Latency of a whole batch: median, min, p10, p90.
        images_per_second: At the median latency.
        ratio: Median, min, p10, p90 of the ratios to the reference of the
            same round; None where no reference was asked for.
        peak_mib: See :data:`~mmseg_missing.benchmark.measuring.MEASURED_BY`.
        parameters: All that the network has.
        trainable: Those that have a gradient in training, 0 in a forward.
    """

    combination: str
    step: str
    network: str
    latency_ms: dict[str, float]
    images_per_second: float
    ratio: dict[str, float] | None
    peak_mib: float
    parameters: int
    trainable: int


class Benchmark:
    """Measures all forms of a network under several combinations.

    Args:
        variants: The networks.
        combinations: What to have present.
        size: (h, w) of the input.
        batch_size: Images per step.
        repeats: Rounds of timing.
        warm_up: Rounds before them, at least one.
    """

    def __init__(
        self,
        variants: Variants,
        combinations: Sequence[str],
        size: tuple[int, int],
        batch_size: int = 1,
        repeats: int = 10,
        warm_up: int = 2,
    ) -> None:
        self.variants, self.combinations = variants, tuple(combinations)
        self.size, self.batch_size = tuple(size), batch_size
        self.repeats, self.warm_up = repeats, warm_up

    @property
    def num_steps(self) -> int:
        """Steps that :meth:`run` takes: rounds of timing, one for memory."""
        rounds = self.warm_up + self.repeats + 1
        return rounds * sum(len(kinds) for *_, kinds in self._plan())

    def run(
        self, advance: Callable[[str], None] = lambda text: None
    ) -> Iterator[Measurement]:
        """Yield measurements; training changes the weights, so it is last.

        Args:
            advance: Called after each step with what is being measured.
        """
        for step, combination, kinds in self._plan():
            show = partial(advance, f'{step.name}, {combination}')
            yield from self._measure(step, combination, kinds, show)

    def _plan(self) -> Iterator[tuple[type, str, tuple[str, ...]]]:
        for name in self.combinations:
            yield Forward, name, self.variants.forward_kinds
        for name in self.combinations:
            kinds = self.variants.training_kinds(name)
            if kinds:
                yield Training, name, kinds

    def _measure(
        self,
        kind: type[Forward] | type[Training],
        combination: str,
        names: Sequence[str],
        advance: Callable[[], None],
    ) -> Iterator[Measurement]:
        """Time the networks in turn, then take the memory of each."""
        networks = {n: self.variants.network(n, combination) for n in names}
        device = self.variants.device
        batch = random_batch(
            next(iter(networks.values())),
            combination,
            self.size,
            self.batch_size,
            device,
        )
        steps = {name: kind(net, *batch) for name, net in networks.items()}
        seconds = interleave(
            steps, self.repeats, self.warm_up, device, advance
        )
        reference = seconds.get(REFERENCE[kind.name])
        for name, step in steps.items():
            peak = step.held_bytes() + peak_bytes(step, device)
            advance()
            latency = spread(seconds[name])
            yield Measurement(
                combination=combination,
                step=kind.name,
                network=name,
                latency_ms={key: 1e3 * s for key, s in latency.items()},
                images_per_second=self.batch_size / latency['median'],
                ratio=reference and ratio_spread(seconds[name], reference),
                peak_mib=peak / 2**20,
                parameters=_count(networks[name]),
                trainable=_count(networks[name], True) * (kind is Training),
            )


def _count(network: nn.Module, trainable: bool = False) -> int:
    return sum(
        weight.numel()
        for weight in network.parameters()
        if weight.requires_grad or not trainable
    )


def cost_table(results: Sequence[Measurement], title: str) -> str:
    """Return one row per measurement, a block per step and combination.

    Args:
        results: What :meth:`Benchmark.run` yields.
        title: What was measured where.
    """
    table = PrettyTable(COLUMNS, align='r')
    table.title = title
    table.align.update(dict.fromkeys(COLUMNS[:3], 'l'))
    blocks = [(m.combination, m.step) for m in results]
    for index, m in enumerate(results):
        is_first = index == 0 or blocks[index] != blocks[index - 1]
        is_last = blocks[index] != (*blocks, None)[index + 1]
        table.add_row(
            [*(blocks[index] if is_first else ('', '')), *_cells(m)],
            divider=is_last,
        )
    notes = ', '.join(f'{s} to {name}' for s, name in REFERENCE.items())
    return f'{table.get_string()}\nms: median per batch; ratio: {notes}'


def _cells(m: Measurement) -> list[str]:
    ratio = ('-', '-')
    if m.ratio:
        low, high = m.ratio['p10'], m.ratio['p90']
        ratio = (f'{m.ratio["median"]:.2f}', f'{low:.2f}-{high:.2f}')
    return [
        m.network,
        f'{m.latency_ms["median"]:.1f}',
        f'{m.latency_ms["min"]:.1f}',
        *ratio,
        f'{m.images_per_second:.2f}',
        f'{m.peak_mib:.0f}',
        f'{m.trainable:,}' if m.trainable else '-',
    ]
