"""Whether predicted features tell of their image, and how much is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmseg.structures import SegDataSample
from prettytable import PrettyTable
from torch import Tensor, nn

from ..adapters import adapted
from ..evaluation import class_iou, confusion_matrix
from ..evaluation.batches import masks_of, restrict
from ..values import VOID

# What lies in the slot of an absent stream.
SLOTS = ('imputed', 'shuffled', 'mean', 'oracle')


class Imputation:
    """An imputer of features, put to the test on complete images.

    Each combination is scored four times, with different features in the
    slots of the absent streams: ``imputed`` as predicted; ``shuffled``, as
    predicted for another image of the batch; ``mean``, the channels' mean;
    ``oracle``, those of the absent stream itself. If ``shuffled`` costs
    nothing, the prediction tells nothing of the image; ``oracle`` is what a
    perfect one would reach. R2 is the share of the variance of the true
    features, standardised per channel, that is predicted.

    Args:
        network: A segmentor in eval mode whose imputer is fitted.
        combinations: The combinations that miss something.
        num_classes: Number of classes of its labels.

    Raises:
        ValueError: there is no such imputer, or the network slides over
            images, so that it predicts crops.
    """

    def __init__(
        self,
        network: nn.Module,
        combinations: Sequence[str],
        num_classes: int,
    ) -> None:
        imputer = getattr(network, 'imputer', None)
        if imputer is None or not imputer.is_fitted or network.folded:
            raise ValueError(
                'this network predicts no features of absent streams; give '
                'an --adapter that does (mmseg-missing fit --by ridge writes '
                'one), unfolded'
            )
        if network.test_cfg.get('mode') != 'whole':
            raise ValueError(
                'predicted features are compared on whole images; set '
                "`model.test_cfg.mode='whole'`"
            )
        self.network, self.imputer = network, imputer
        self.stack = network.stack
        self.absent = {
            name: [m for m, is_there in enumerate(flags) if not is_there]
            for name in combinations
            for flags in self.stack.present(name).tolist()
        }
        self._matrices = {
            (name, slot): torch.zeros(num_classes, num_classes).long()
            for name in combinations
            for slot in SLOTS
        }
        self._moments = [
            [_Moments() for _ in imputer.levels] for _ in self.stack
        ]
        # Summed squares of what predictions lack.
        self._errors = {
            (name, m): torch.zeros(len(imputer.levels), dtype=torch.float64)
            for name, targets in self.absent.items()
            for m in targets
        }
        self.seen = 0

    @property
    def num_steps(self) -> int:
        """How many steps :meth:`add` yields."""
        return len(self.absent) * len(SLOTS)

    def run(self, images: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Look at all images; yield what was done, step by step.

        Args:
            images: Collated batches.
        """
        for data in images:
            batch = self.network.data_preprocessor(dict(data), False)
            yield from self.add(batch['inputs'], batch['data_samples'])

    @torch.no_grad()
    def add(
        self, inputs: Tensor, samples: Sequence[SegDataSample]
    ) -> Iterator[str]:
        """Look at one batch; yield what was done, step by step.

        Args:
            inputs: (n, sum C, h, w), normalised; a batch of one has no
                other image and is left out.
            samples: n samples with labels, that have everything.
        """
        if len(samples) < 2:
            return
        self.seen += len(samples)
        ((_, root),) = adapted(self.network)
        with root.adapters.bypassed():
            true = self.network.backbone.stream_levels(inputs)
        for m, levels in enumerate(true):
            for number, x in enumerate(levels):
                self._moments[m][number].see(self._standardised(number, m, x))
        for name in self.absent:
            told = restrict(samples, self.stack.present(name))
            for slot in SLOTS:
                with self._filling(name, slot, true):
                    found = masks_of(self.network, inputs, told)
                self._score(name, slot, found)
                yield f'{name}: {slot}'

    def _standardised(self, number: int, m: int, x: Tensor) -> Tensor:
        return self.imputer.levels[number].standardised(x.double(), m)

    def _score(
        self, name: str, slot: str, found: Sequence[SegDataSample]
    ) -> None:
        matrix = self._matrices[name, slot]
        for sample in found:
            pair = sample.pred_sem_seg.data[0], sample.gt_sem_seg.data[0]
            matrix += confusion_matrix(*pair, len(matrix), VOID).cpu()

    @contextmanager
    def _filling(
        self, name: str, slot: str, true: Sequence[Sequence[Tensor]]
    ) -> Iterator[None]:
        """Let something else lie in the slots within this block."""

        def fill(imputer: nn.Module, _: Any, streams: list[list]) -> list:
            streams = list(streams)
            for m in self.absent[name]:
                streams[m] = self._slot(name, slot, m, streams[m], true[m])
            return streams

        handle = self.imputer.register_forward_hook(fill)
        try:
            yield
        finally:
            handle.remove()

    def _slot(
        self,
        name: str,
        slot: str,
        m: int,
        found: Sequence[Tensor],
        true: Sequence[Tensor],
    ) -> list[Tensor]:
        """Return the levels that lie in the slot of a stream."""
        if slot == 'shuffled':
            return [x.roll(1, 0) for x in found]
        if slot == 'mean':
            means = (level.mean[m] for level in self.imputer.levels)
            return [
                mean[:, None, None].to(x).expand_as(x)
                for mean, x in zip(means, found)
            ]
        if slot == 'oracle':
            return list(true)
        for number, pair in enumerate(zip(found, true)):
            y, x = (self._standardised(number, m, z) for z in pair)
            self._errors[name, m][number] += (y - x).square().sum().cpu()
        return list(found)

    def report(self) -> dict[str, Any]:
        """Return mIoU by combination and slot, and R2 by target and level.

        The mIoU is that over the classes that occur in the labels.

        Raises:
            ValueError: no two images of one size, or no label.
        """
        labels = next(iter(self._matrices.values())).sum(1)
        if not labels.any():
            raise ValueError(
                'no two labelled images of one size lay in a batch; raise '
                '--batch-size or --images, or choose another --split'
            )
        miou = {
            name: {
                slot: class_iou(self._matrices[name, slot])[labels > 0]
                .mean()
                .item()
                for slot in SLOTS
            }
            for name in self.absent
        }
        r2 = {
            name: {
                self.stack.names[m]: [
                    1 - (error / moments.spread()).item()
                    for error, moments in zip(
                        self._errors[name, m], self._moments[m]
                    )
                ]
                for m in targets
            }
            for name, targets in self.absent.items()
        }
        return {'images': self.seen, 'miou': miou, 'r2': r2}


class _Moments:
    """Sums of channels and of all squares over what was seen."""

    def __init__(self) -> None:
        self._count = 0
        self._sum: Tensor | float = 0.0
        self._square = 0.0

    def see(self, x: Tensor) -> None:
        """Add maps (n, c, h, w), float64."""
        self._count += len(x) * x.shape[2:].numel()
        self._sum = self._sum + x.sum((0, 2, 3)).cpu()
        self._square += x.square().sum().item()

    def spread(self) -> float:
        """Return the summed squares of what deviates from the mean."""
        total = torch.as_tensor(self._sum).square().sum() / self._count
        return max(self._square - total.item(), 1e-12)


def imputation_tables(found: Mapping[str, Any]) -> str:
    """Return the mIoU of each slot, and R2 per target and level.

    Args:
        found: What :meth:`Imputation.report` gives.
    """
    title = f'mIoU by what lies in the slots, {found["images"]} images'
    scores = PrettyTable(['', *SLOTS], align='r', title=title)
    for name, by_slot in found['miou'].items():
        scores.add_row([name, *(f'{by_slot[slot]:.2f}' for slot in SLOTS)])
    rows = [
        [f'{target} from {name}', *(f'{share:.2f}' for share in shares)]
        for name, by_target in found['r2'].items()
        for target, shares in by_target.items()
    ]
    levels = [f'level {n}' for n in range(1, len(rows[0]))]
    title = 'R2 of predicted features'
    shares = PrettyTable(['', *levels], align='r', title=title)
    shares.add_rows(rows)
    for table in (scores, shares):
        table.align[''] = 'l'
    return f'{scores}\n{shares}'
