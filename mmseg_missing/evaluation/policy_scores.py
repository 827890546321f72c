"""Scores the same images under several policies, and faults, in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmseg.registry import DATASETS
from torch import Tensor, nn
from torch.utils.data import Dataset

from ..modality import Stack
from ..monitoring import STATES, SensorMonitor, Told, Verdict
from ..present import keys
from .batches import CompleteImages, image_order, masks_of, restrict
from .confusion import class_iou, confusion_matrix

WHOLE = STATES.index('whole')
REPEATS = 7  # of what is timed; the quickest counts


@dataclass(frozen=True)
class Found:
    """What was seen on one version of the images, in per cent.

    Args:
        images: How many.
        bad: Per modality, images on which it was found not whole.
        dropped: By policy and modality, images on which it was dropped.
        miou: By policy; ``trust`` among them.
    """

    images: int
    bad: list[float]
    dropped: dict[str, list[float]]
    miou: dict[str, float]


def check_droppable(stack: Stack) -> None:
    """Refuse a network from which no sensor can be dropped.

    Raises:
        ValueError: it has one modality.
    """
    if len(stack) < 2:
        raise ValueError(
            'dropping a sensor needs another one, this network has only '
            f'{stack.full}'
        )


class PolicyScorer:
    """Scores the same images again and again.

    What does not depend on the fault is kept: predictions without one
    modality.

    Args:
        network: A ``MissingModalitySegmentor`` in evaluation mode.
        monitor: Monitor of its sensors.
        policies: By name, as :data:`~mmseg_missing.monitoring.POLICIES`;
            ``trust`` is scored anyway.
        batch_size: Images of a batch.
        images: How many are scored, in the order of a seed.
        skip: How many of that order are left out.
        seed: Seed of the order.
    """

    def __init__(
        self,
        network: nn.Module,
        monitor: SensorMonitor,
        policies: Mapping[str, Callable[[Tensor, Verdict], Any]],
        batch_size: int,
        images: int,
        skip: int = 0,
        seed: int = 0,
    ) -> None:
        self.network, self.monitor = network, monitor
        self.policies = dict(policies)
        self.batch_size, self.images = batch_size, images
        self.skip, self.seed = skip, seed
        self.lacking = ~torch.eye(len(network.stack), dtype=torch.bool)
        self._clean: dict[tuple[int, int], Tensor] = {}

    def look(self, dataset: Dataset, modality: str | None) -> Found:
        """Return what is found on a data set; None: it is the clean one."""
        order = image_order(len(dataset), self.seed)[self.skip :]
        m = len(self.network.stack)
        sums = dict.fromkeys(('trust', *self.policies), torch.zeros(()))
        lost = {name: torch.zeros(m) for name in self.policies}
        bad, seen = torch.zeros(m), 0
        chosen = order[: self.images]
        for batch in CompleteImages(dataset, chosen, self.batch_size):
            batch = self.network.data_preprocessor(batch, False)
            inputs, samples = batch['inputs'], batch['data_samples']
            full = torch.ones(len(inputs), m, dtype=torch.bool)
            verdict = self.monitor(inputs, full)
            bad += (verdict.states != WHOLE).sum(0)
            trusted = [*self._matrices(inputs, samples, full)]
            sums['trust'] = sums['trust'] + sum(trusted)
            if modality is None:
                self._keep_lacking(inputs, samples, seen)
            for name, policy in self.policies.items():
                told = Told.of(policy(full, verdict))
                lost[name] += (~told.present).sum(0)
                found = self._told(
                    inputs, samples, told, trusted, modality, seen
                )
                sums[name] = sums[name] + sum(found)
            seen += len(inputs)
        if not seen:
            raise ValueError(
                'no image has every modality, so no fault can be judged'
            )
        return Found(
            seen,
            (100 * bad / seen).tolist(),
            {name: (100 * n / seen).tolist() for name, n in lost.items()},
            {k: class_iou(v).nanmean().item() for k, v in sums.items()},
        )

    def without(self) -> dict[str, float]:
        """Return the mIoU of clean images without each modality."""
        names = self.network.stack.names
        sums = {
            name: sum(m for (lost, _), m in self._clean.items() if lost == i)
            for i, name in enumerate(names)
        }
        return {n: class_iou(m).nanmean().item() for n, m in sums.items()}

    def _keep_lacking(self, inputs: Tensor, samples: list, start: int) -> None:
        for lost, present in enumerate(self.lacking):
            rows = present.expand(len(inputs), -1)
            found = self._matrices(inputs, samples, rows)
            for i, matrix in enumerate(found, start):
                self._clean[lost, i] = matrix

    def _told(
        self,
        inputs: Tensor,
        samples: list,
        told: Told,
        trusted: list[Tensor],
        modality: str | None,
        start: int,
    ) -> Iterator[Tensor]:
        """Yield the matrix of each image, run again only if it must."""
        names, ill = self.network.stack.names, told.degraded
        for i, flags in enumerate(keys(told.present)):
            lost = [name for name, there in zip(names, flags) if not there]
            is_told = ill is not None and bool(ill[i].any())
            if not (lost or is_told):
                yield trusted[i]
            elif lost == [modality] and not is_told:
                yield self._clean[names.index(modality), start + i]
            else:
                one = slice(i, i + 1)
                yield from self._matrices(
                    inputs[one],
                    samples[one],
                    told.present[one],
                    ill[one] if is_told else None,
                )

    def _matrices(
        self,
        inputs: Tensor,
        samples: list,
        present: Tensor,
        degraded: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Yield (K, K) for each image."""
        told = restrict(samples, present, degraded)
        for sample in masks_of(self.network, inputs, told):
            yield confusion_matrix(
                sample.pred_sem_seg.data,
                sample.gt_sem_seg.data,
                self.network.num_classes,
            ).cpu()


@torch.no_grad()
def overhead(
    network: nn.Module, monitor: SensorMonitor, dataloader: Mapping[str, Any]
) -> float:
    """Return what policies pay for a monitor, in per cent of a forward.

    For one image, the quickest of several times each.

    Args:
        network: Network in evaluation mode.
        monitor: Monitor of its sensors.
        dataloader: Config of the test's.
    """
    dataset = DATASETS.build(dataloader['dataset'])
    batch = next(iter(CompleteImages(dataset, range(len(dataset)), 1)))
    batch = network.data_preprocessor(batch, False)
    inputs, samples = batch['inputs'], batch['data_samples']
    full = torch.ones(1, len(network.stack), dtype=torch.bool)
    looking = _seconds(inputs, lambda: monitor(inputs, full, is_quick=True))
    running = _seconds(
        inputs,
        lambda: network(inputs, restrict(samples, full), mode='predict'),
    )
    return 100 * looking / running


def _seconds(inputs: Tensor, run: Callable[[], Any]) -> float:
    found = []
    for _ in range(REPEATS):
        _wait(inputs)
        start = time.perf_counter()
        run()
        _wait(inputs)
        found.append(time.perf_counter() - start)
    return min(found)


def _wait(inputs: Tensor) -> None:
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)
