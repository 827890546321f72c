"""What a network is worth with every subset of its sensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn
from torch.nn import functional

from ..evaluation import class_iou, confusion_matrix
from ..evaluation.batches import restrict
from ..finite import is_finite
from ..modality import Stack
from .shapley import EMPTY, interactions, shapley_values


@dataclass
class Tally:
    """What one subset got right and how sure it was of the truth.

    Args:
        matrix: (K, K) int64, rows truth.
        nll: (K,) float64, summed -log p(truth) in nats, by true class.
    """

    matrix: Tensor
    nll: Tensor

    @classmethod
    def empty(cls, num_classes: int) -> Tally:
        """Return a tally of nothing."""
        return cls(
            torch.zeros(num_classes, num_classes, dtype=torch.int64),
            torch.zeros(num_classes, dtype=torch.float64),
        )

    def add(self, logits: Tensor, pred: Tensor, target: Tensor, ignore: int):
        """Count one image.

        Args:
            logits: (K, h, w), or (1, h, w) of a sigmoid.
            pred: (h, w).
            target: (h, w).
            ignore: The label that is not counted.

        Raises:
            ValueError: logits that are not finite.
        """
        if not is_finite(logits):
            raise ValueError(
                "the network's scores are not finite; check the checkpoint, "
                'and the values of the images (mmseg-missing check)'
            )
        num_classes = len(self.nll)
        self.matrix += confusion_matrix(
            pred, target, num_classes, ignore
        ).cpu()
        if len(logits) == 1:
            logits = torch.cat([torch.zeros_like(logits), logits])
        counted = target != ignore
        truth = target[counted].long()
        log_p = functional.log_softmax(logits.float(), 0)[:, counted]
        nll = -log_p.gather(0, truth[None])[0].double().cpu()
        self.nll += torch.bincount(truth.cpu(), nll, num_classes)


def prior_tally(counts: Tensor) -> Tally:
    """Return what knowing nothing but the shares of the classes gives.

    It predicts the most frequent class, with the shares as probabilities.

    Args:
        counts: (K,) pixels of each class.
    """
    tally = Tally.empty(len(counts))
    tally.matrix[:, counts.argmax()] = counts
    shares = counts.double() / counts.sum()
    tally.nll = torch.where(counts > 0, -counts * shares.log(), 0.0)
    return tally


@dataclass
class SubsetScores:
    """Tallies of all 2^S subsets of S sensors, over the same images.

    mIoU and NLL are means over the classes that occur in the labels: the
    same classes for every subset, each with the same weight.

    Args:
        stack: The modalities; those of one sensor come and go together.
        classes: Names in label order.
        ignore_index: Label of pixels that are not counted.
    """

    stack: Stack
    classes: Sequence[str]
    ignore_index: int = 255
    tallies: dict[str, Tally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.stack.combinations():
            self.tallies[name] = Tally.empty(len(self.classes))

    @torch.no_grad()
    def add(
        self,
        network: nn.Module,
        inputs: Tensor,
        samples: Sequence[SegDataSample],
    ) -> Iterator[str]:
        """Run one batch under every combination; yield each when done.

        Args:
            network: A segmentor in eval mode.
            inputs: (n, sum C, h, w), normalised.
            samples: n samples with labels, that have everything.
        """
        for name, tally in self.tallies.items():
            told = restrict(samples, self.stack.present(name))
            for sample in network(inputs, told, mode='predict'):
                tally.add(
                    sample.seg_logits.data,
                    sample.pred_sem_seg.data[0],
                    sample.gt_sem_seg.data[0],
                    self.ignore_index,
                )
            yield name

    @property
    def counts(self) -> Tensor:
        """(K,) pixels of each class."""
        return self.tallies[self.stack.full].matrix.sum(1)

    @property
    def occurring(self) -> list[int]:
        """The classes that occur in the labels."""
        return self.counts.nonzero()[:, 0].tolist()

    def values(self) -> dict[str, dict[str, float]]:
        """Return v of every subset, by what is valued.

        Keys: ``mIoU`` (per cent), ``-NLL`` (nats) and ``IoU/<class>``.

        Raises:
            ValueError: not one pixel has a label.
        """
        chosen = self.occurring
        if not chosen:
            raise ValueError(
                'the images have no labelled pixel; check the labels and '
                '--split'
            )
        tallies = {**self.tallies, EMPTY: prior_tally(self.counts)}
        found: dict[str, dict[str, float]] = {'mIoU': {}, '-NLL': {}}
        for name, tally in tallies.items():
            iou = class_iou(tally.matrix)[chosen]
            nll = tally.nll[chosen] / self.counts[chosen]
            found['mIoU'][name] = iou.mean().item()
            found['-NLL'][name] = -nll.mean().item()
            for index, value in zip(chosen, iou.tolist()):
                key = f'IoU/{self.classes[index]}'
                found.setdefault(key, {})[name] = value
        return found

    def report(self) -> dict[str, dict[str, dict[str, float]]]:
        """Return v, Shapley values and interactions of all that is valued.

        The players are the sensors.
        """
        return {
            key: {
                'values': values,
                'shapley': shapley_values(self._by_sensor(values)),
                'interactions': interactions(self._by_sensor(values)),
            }
            for key, values in self.values().items()
        }

    def _by_sensor(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return v by the sensors that are there, not their modalities."""
        sensor = {m.name: str(m.sensor) for m in self.stack}
        return {
            '+'.join(dict.fromkeys(sensor[n] for n in name.split('+') if n)): v
            for name, v in values.items()
        }
