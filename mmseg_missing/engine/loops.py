"""Loops that score every combination on images that are decoded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseTTAModel
from mmengine.runner import Runner, TestLoop, ValLoop, autocast
from mmengine.structures import BaseDataElement
from mmseg.registry import LOOPS
from torch import Tensor, nn

from mmseg_missing.adapters import adapted, check_hooks
from mmseg_missing.evaluation.batches import by_size, masks_of, restrict
from mmseg_missing.evaluation.per_combination import (
    needs_logits,
    per_combination,
)
from mmseg_missing.finite import is_finite
from mmseg_missing.modality import Stack
from mmseg_missing.monitoring import Watch
from mmseg_missing.present import of_samples
from mmseg_missing.values import flag

from ..evaluation.failures import Failure, parse_failure
from .network import unwrapped
from .pictures import draw_per_combination
from .watching import check_watched

FLIPS = ('flip', 'label_flipped')


class _CombinationLoop:
    """What the two loops share; comes before ``TestLoop`` or ``ValLoop``."""

    stage: str

    def __init__(
        self,
        runner: Runner,
        dataloader: Any,
        evaluator: Any,
        fp16: bool = False,
        present: str | Sequence[str] = 'every',
        failure: str | None = None,
    ) -> None:
        fp16 = flag(f'{self.stage}_cfg.fp16', fp16)
        super().__init__(runner, dataloader, evaluator, fp16=fp16)
        _check_sampler(self.dataloader.sampler)
        model = runner.model
        self.model = unwrapped(model)
        self.is_augmented = isinstance(self.model, BaseTTAModel)
        network = self.model.module if self.is_augmented else self.model
        _check_network(network)
        self.stack = network.stack
        self.combinations = _parse(present, self.stack, network.folded)
        self._present = self.stack.present(self.combinations)
        draw_per_combination(runner.hooks, self.stack)
        self.evaluator.metrics = per_combination(
            self.evaluator.metrics, self.combinations, self.stack.full
        )
        self.evaluator.dataset_meta = {
            **(self.evaluator.dataset_meta or {}),
            **_split(self.dataloader.dataset),
            'modalities': self.stack.names,
            'sensors': tuple(m.sensor for m in self.stack),
            'combinations': self.combinations,
            'fill': _describe(network.fill),
        }
        if self.stage == 'val':
            is_fixed = any(
                root is network and not root.adapters.trainable
                for _, root in adapted(network)
            )
            fixed = self.stack.full if is_fixed else None
            check_watched(
                runner.hooks, self.evaluator.metrics, self.combinations, fixed
            )
        self.watch: Watch | None = None
        self.set_failure(parse_failure(failure))

    def set_watch(self, watch: Watch | None) -> None:
        """Judge sensors from now on, and act on it, or not.

        Raises:
            ValueError: under test-time augmentation.
        """
        if watch is not None and self.is_augmented:
            raise ValueError(
                'a monitor judges a batch that is normalised, which '
                'test-time augmentation does later; leave `--tta` or '
                '`--policy` out'
            )
        self.watch = watch

    def set_failure(self, failure: Failure) -> None:
        """Spoil batches from now on, or not; reports carry its name.

        Raises:
            ValueError: on top of test-time augmentation.
        """
        if failure.spoils_batches and self.is_augmented:
            raise ValueError(
                f'{failure} spoils a batch that is normalised, which '
                'test-time augmentation does later; leave one of them out'
            )
        self.failure = failure
        self.evaluator.dataset_meta = {
            **self.evaluator.dataset_meta,
            'condition': str(failure),
            'combinations': failure.occurring(self.combinations),
        }

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: Any) -> None:
        """Score one batch under every combination.

        Hooks are called once, with the outputs of all combinations in one
        list; their metainfo ``combination`` tells them apart.
        """
        self.runner.call_hook(
            f'before_{self.stage}_iter', batch_idx=idx, data_batch=data_batch
        )
        predict = (
            self._predict_augmented if self.is_augmented else self._predict
        )
        parts = by_size(data_batch, self.is_augmented)
        outputs = []
        with autocast(enabled=self.fp16):
            for predictions in chain.from_iterable(map(predict, parts)):
                _check_finite(predictions)
                self.evaluator.process(predictions, data_batch)
                for sample in predictions:
                    for key in ('seg_logits', 'pred_confidence'):
                        if key in sample:
                            # Many combinations of them would fill the
                            # memory, which `pop` leaves filled.
                            delattr(sample, key)
                outputs += predictions
        self.runner.call_hook(
            f'after_{self.stage}_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs,
        )

    def _predict(self, batch: Any) -> Iterator[list[BaseDataElement]]:
        """Yield the predictions of each combination; normalise once."""
        batch = self.model.data_preprocessor(batch, False)
        samples = batch['data_samples']
        for name, present, chosen in self._choose(samples):
            inputs = self.failure.spoil_batch(
                batch['inputs'][chosen],
                self.stack,
                present,
                [samples[i].metainfo.get('sample_idx', i) for i in chosen],
            )
            told = self._restrict([samples[i] for i in chosen], name, present)
            if self.watch is not None:
                has = of_samples([s.metainfo for s in told], self.stack)
                told = restrict(told, *self.watch.tell(inputs, has))
            yield self._predicted(inputs, told)

    def _predicted(
        self, inputs: Tensor, samples: list[BaseDataElement]
    ) -> list[BaseDataElement]:
        """Return samples with masks, with logits where a metric needs them."""
        metrics = self.evaluator.metrics
        if any(map(needs_logits, metrics)):
            return self.model(inputs, samples, mode='predict')
        confidence = any(getattr(m, 'calibrates', False) for m in metrics)
        return masks_of(self.model, inputs, samples, confidence=confidence)

    def _predict_augmented(
        self, batch: Mapping[str, Sequence[Sequence]]
    ) -> Iterator[list[BaseDataElement]]:
        """Yield the same of a batch whose lists are per augmentation."""
        firsts = batch['data_samples'][0]
        for name, present, chosen in self._choose(firsts):
            predictions = self.model.test_step(
                {
                    'inputs': [
                        [x[i] for i in chosen] for x in batch['inputs']
                    ],
                    'data_samples': [
                        self._restrict(
                            [samples[i] for i in chosen], name, present
                        )
                        for samples in batch['data_samples']
                    ],
                }
            )
            for sample, i in zip(predictions, chosen, strict=True):
                # Its label is that of the first augmentation.
                flips = {key: firsts[i].get(key, False) for key in FLIPS}
                sample.set_metainfo(flips)
            yield predictions

    def _choose(
        self, samples: Sequence[BaseDataElement]
    ) -> Iterator[tuple[str, Tensor, list[int]]]:
        """Yield each combination with the samples that it is scored on.

        It comes as its name and its (M,) flags. Unless a failure says
        otherwise they are those that really have it.
        """
        metas = [sample.metainfo for sample in samples]
        has = of_samples(metas, self.stack)
        for name, needed in zip(self.combinations, self._present):
            taken = self.failure.takes(needed, has, metas)
            chosen = taken.nonzero().flatten().tolist()
            if chosen:
                yield name, needed, chosen

    def _restrict(
        self, samples: Sequence[BaseDataElement], name: str, present: Tensor
    ) -> list[BaseDataElement]:
        """Return copies of ``samples`` that may use this combination only.

        After a failure that shows what remains they may use all they have.
        """
        if self.failure.shows_all:
            present = of_samples([s.metainfo for s in samples], self.stack)
        return restrict(samples, present, combination=name)


@LOOPS.register_module()
class CombinationTestLoop(_CombinationLoop, TestLoop):
    """Test loop over combinations; each batch is decoded and normalised once.

    A combination is scored on the samples that have it. With a test-time
    augmentation wrapper as the model each combination is a ``test_step``.
    Images of one batch that differ in size run apart, as in batches of
    their own. Metrics that do not know combinations run once for each, see
    :class:`~mmseg_missing.evaluation.PerCombination`, and
    ``SegVisualizationHook`` draws a picture of each.

    Args:
        runner: The runner; its model is a ``MissingModalitySegmentor``.
        dataloader: Data loader or its config.
        evaluator: Evaluator or its config.
        fp16: Run the network under autocast.
        present: ``every`` (combinations of whole sensors), ``subsets`` (all
            2^M - 1), ``full``, a combination such as ``rgb+depth``, or a
            list of these. For a folded network ``every`` is the one it was
            folded for.
        failure: ``RMM 0.75`` (a rate), ``RMM-blocks 0.75`` or ``NM low``
            (``mid``, ``high``): after the protocols of arXiv:2503.18445; see
            :mod:`mmseg_missing.evaluation.failures`.

    Attributes:
        combinations: Names of the combinations that are scored.

    Raises:
        TypeError: the model has no stack, or a value of a wrong kind.
        ValueError: unknown combination or failure, a combination that the
            folded network does not serve, a sampler that repeats samples,
            or, while it runs, scores that are not finite.
    """

    stage = 'test'


@LOOPS.register_module()
class CombinationValLoop(_CombinationLoop, ValLoop):
    """Validation loop over combinations; see :class:`CombinationTestLoop`.

    Raises:
        ValueError: besides, a hook that watches a score which is not
            measured, or which adapters leave as it is.
    """

    stage = 'val'


def _check_sampler(sampler: Any) -> None:
    """Refuse a sampler that gives some samples to two ranks."""
    if get_world_size() > 1 and getattr(sampler, 'round_up', False):
        raise ValueError(
            'a sampler that rounds up scores some samples twice on several '
            'ranks; set `sampler=dict(..., round_up=False)` in the val and '
            'test dataloaders'
        )


def _check_network(network: nn.Module) -> None:
    """Refuse a network that does not know its modalities."""
    if not isinstance(getattr(network, 'stack', None), Stack):
        raise TypeError(
            f'a loop over combinations needs a model with a stack, got '
            f'{type(network).__name__}; set `model.type` to '
            "'MissingModalitySegmentor'"
        )
    for _, root in adapted(network):
        check_hooks(root)


def _split(dataset: Any) -> dict[str, str]:
    """Return the names of joined splits; MMEngine's is that of the first."""
    parts = getattr(dataset, 'datasets', ())
    names = [part.metainfo.get('split') for part in parts]
    known = dict.fromkeys(str(name) for name in names if name)
    return {'split': '+'.join(known)} if known else {}


def _parse(
    present: str | Sequence[str], stack: Stack, folded: str | None
) -> tuple[str, ...]:
    """Return the combinations to score, in canonical order."""
    if folded and present in ('every', ['every']):
        present = folded
    chosen = stack.choose(present)
    if folded and chosen != (folded,):
        raise ValueError(
            f'this network is folded for {folded} and serves nothing else, '
            f"got `present={present!r}`; use 'every' or the unfolded network"
        )
    return chosen


def _check_finite(samples: Sequence[BaseDataElement]) -> None:
    """Refuse scores that no class can be read from."""
    for sample in samples:
        meta, logits = sample.metainfo, sample.get('seg_logits')
        is_fine = meta.get('finite_scores', True)
        if not is_fine or (logits is not None and not is_finite(logits.data)):
            raise ValueError(
                f"the network's scores of {meta.get('img_path', 'an image')} "
                f'under {meta["combination"]} are not finite; check the '
                'checkpoint, and the values of the image '
                '(mmseg-missing check)'
            )


def _describe(fill: Mapping[str, str]) -> str:
    """Return the fill in words for tables."""
    kinds = set(fill.values())
    if len(kinds) == 1:
        return kinds.pop()
    return ', '.join(f'{name}={kind}' for name, kind in fill.items())
