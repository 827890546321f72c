"""What a segmentor needs to run with missing modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import get_rank
from torch import Tensor

from ...adapters import add_biases, drop_norms
from ...context import told_to
from ...fill import parse_fill, usual
from ...modality import Modality, Stack
from ...present import degraded_of
from ...recomputing import recompute_flagged
from ...sampling import FullSampler, Sampler, build_sampler
from ...values import naming
from ..adapting import attach_from_config, thaw_parts
from ..losses import Output, hearing_samples, mend_cross_entropy
from ..utils.first_biases import give_first_biases
from ..utils.side_losses import collecting_losses
from .completing import build_completion, completion_losses
from .degrading import build_degrading
from .head_checks import check_heads
from .predicting import (
    add_folded,
    add_generator,
    add_imputer,
    build_networks,
    comparing,
)
from .seeing import Seeing
from .stack_checks import (
    check_in_channels,
    checked_test_cfg,
    preprocessor_config,
    with_named_parts,
)
from .step_counter import StepCounter
from .teaching import build_teacher, is_labelled, run, student_losses

# Children of a segmentor whose layers the paper's rule adapts; heads are not.
ENCODERS = ('backbone', 'neck')


class MissingModalityMixin(Seeing):
    """Fill what is absent and tell who has what; put before a segmentor.

    ``present`` is read from the metainfo (default: everything). In training
    the student's combination is a draw from what is present; its teacher,
    if there is one, is the bare base on all that is present. It is told to
    the adapters and to every module with a method ``told``, such as
    ``SharedStreamBackbone``.

    Args:
        stack: The modalities, or dicts of their fields.
        sampler: Name of a sampler or ``dict(type=name, ...)``; see
            :mod:`mmseg_missing.sampling`. Default: ``round_robin`` with
            adapters, ``size_first`` with ``completion``, else ``full``. With
            adapters it draws nothing but what they learn.
        fill: What stands in for an absent modality; see
            :func:`mmseg_missing.fill.fill_absent`. ``learned`` vectors
            train with the adapters and lie in their file. A network,
            ``dict(depth=dict(type='MyDepthNet', ...))`` or any callable, is
            frozen and no part of this one: no checkpoint, no file holds it;
            see :mod:`mmseg_missing.external`.
        adapter: ``dict(type='ScaleShift', sites=None, combinations=None)``:
            freeze the whole network and adapt it; further keys as in
            :func:`mmseg_missing.adapters.attach`. A list of such dicts:
            several methods at one network.
        generator: What predicts modalities whose fill is ``predicted`` or
            ``predicted:<fill>``: ``linear``, ``conv`` (default), ``unet``, or
            a dict such as ``dict(type='ConvGenerator', hidden=16)``. With
            ``holes=dict(depth=0.0)`` it completes what is there in part
            too, with ``recovers=True`` it repairs what is degraded. Needs
            ``adapter`` or ``completion``.
        completion: ``dict(type='MaskedCompletion', ...)``: train the whole
            network on completed input, with what completes it; see
            :class:`~mmseg_missing.models.completion.MaskedCompletion`. In a
            test it completes what is absent.
        degrade: ``dict(rate=0.5, faults=[...], severities=[...])``: let a
            sensor of some training samples suffer a fault, and say so; see
            :class:`~mmseg_missing.models.segmentors.degrading.Degrading`.
        imputer: ``dict(type='FeatureImputer', rank=8, loss=None)``: predict
            the features of absent streams, which then do not run; see
            :class:`~mmseg_missing.models.imputers.FeatureImputer`. Needs
            ``adapter``.
        folded: ``dict(combination=..., biases=[...], norms=[...],
            fill=..., predictors=...)``: build the plain network that takes a
            folded checkpoint; ``fill`` holds the learned vectors and
            ``predictors`` the configs of what predicts, where there is some.
        trainable: Names of modules, such as ``decode_head``, that learn on
            beside the adapters: full regular expressions or dotted suffixes.
            The adapter file does not hold them, the joined checkpoint does.
            Needs ``adapter``.
        teacher: Losses against the teacher, such as
            ``[dict(type='LogitKL')]``; see :mod:`mmseg_missing.models.losses`.
            Needs ``adapter``.
        data_preprocessor: Default: :class:`ModalityDataPreprocessor` with
            this stack.
        test_cfg: Default: ``dict(mode='whole')``.

    Attributes:
        drawn: (n, M) bool, what the samples of the last training step
            showed; None before the first.
        learns_gaps: Whether training without adapters shows samples that
            lack something; set it before ``init_weights``.
        steps: Counts the training steps, and what they showed on all ranks.

    Raises:
        ValueError: a key with a value that cannot work.
    """

    def __init__(
        self,
        *args: Any,
        stack: Sequence[Modality | Mapping[str, Any]],
        sampler: str | Mapping[str, Any] | None = None,
        fill: str | Mapping[str, Any] = 'zero',
        adapter: Mapping[str, Any] | Sequence[Mapping] | None = None,
        generator: str | Mapping[str, Any] | None = None,
        completion: Mapping[str, Any] | None = None,
        degrade: Mapping[str, Any] | None = None,
        imputer: Mapping[str, Any] | None = None,
        folded: Mapping[str, Any] | None = None,
        trainable: Sequence[str] | None = None,
        teacher: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        data_preprocessor: Mapping[str, Any] | None = None,
        test_cfg: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        stack = Stack(stack)
        check_in_channels(stack, kwargs.get('backbone'))
        preprocessor = preprocessor_config(stack, data_preprocessor)
        with naming('model'):
            super().__init__(
                *args,
                data_preprocessor=preprocessor,
                test_cfg=checked_test_cfg(test_cfg),
                **with_named_parts(kwargs),
            )
        check_heads(self)
        recompute_flagged(self)
        mend_cross_entropy(self)
        self.stack = stack
        self.fill = parse_fill(stack, fill)
        # Not registered: networks of others belong to no checkpoint.
        self._networks = build_networks(self.fill, fill)
        self.folded: str | None = None
        self._only: Tensor | None = None
        self._folded_fill: Mapping[str, Any] = {}
        others = {
            'adapter': adapter,
            'imputer': imputer,
            'folded': folded,
            'teacher': teacher,
            'trainable': trainable,
        }
        if folded is not None and adapter is not None:
            raise ValueError(
                '`model.folded` and `model.adapter` exclude each other'
            )
        if folded is not None:
            self._fold(folded)
            generator = imputer = None  # they lie in the folded network
        if adapter is not None:
            attach_from_config(self, stack, adapter, within=ENCODERS)
        thaw_parts(self, trainable, teacher)
        self._find_parts()
        self._learn_fill()
        self.completion = build_completion(self, completion, generator, others)
        if self.completion is None:
            add_generator(self, self._banks, generator)
        add_imputer(self, self._banks, imputer)
        self.degrading = build_degrading(self, degrade)
        self.teacher = build_teacher(self, teacher)
        self.sampler = self._build_sampler(sampler)
        self.steps = StepCounter(stack)
        self.drawn: Tensor | None = None
        # Whether training shows samples that lack something to a network
        # that learns as a whole; training data may, too.
        self.learns_gaps = not (
            self._banks or isinstance(self.sampler, FullSampler)
        )

    def init_weights(self) -> None:
        """Initialise as mmengine does, so that zeros may stand in."""
        super().init_weights()
        if self.learns_gaps and not self._listeners:
            give_first_biases(self.backbone, self.stack.num_channels)

    def _fold(self, folded: Mapping[str, Any]) -> None:
        """Become the plain network of a folded checkpoint."""
        may_be = {'fill', 'norms', 'predictors'}
        if set(folded) - may_be != {'combination', 'biases'}:
            raise ValueError(
                '`model.folded` takes combination, biases, norms, fill and '
                f'predictors, got {sorted(folded)}; copy it from the folded '
                'config'
            )
        self._folded_fill = dict(folded.get('fill') or {})
        self.folded = self.stack.canonical(folded['combination'])
        self._only = self.stack.present(self.folded)
        add_biases(self, folded['biases'])
        drop_norms(self, folded.get('norms', ()))
        add_folded(self, folded.get('predictors') or {})

    def _learn_fill(self) -> None:
        """Let the bank learn the vectors of ``learned`` fills."""
        fills = self.fill.items()
        names = [n for n, fill in fills if usual(fill) == 'learned']
        if names and self._banks:
            self._banks[0].learn_fill(names)
        elif set(names) - set(self._folded_fill):
            raise ValueError(
                f"fill 'learned' of {names} learns with the adapters; set "
                '`model.adapter`, or another `model.fill`'
            )

    def _build_sampler(self, given: str | Mapping[str, Any] | None) -> Sampler:
        default = 'full' if self.completion is None else 'size_first'
        default = 'round_robin' if self._banks else default
        sampler = build_sampler(
            self.stack, default if given is None else given
        )
        if self._banks:  # what has no row teaches nothing
            rows = {n: 1 for bank in self._banks for n in bank.rows.names}
            sampler.allow(rows)
        return sampler

    @property
    def asks_for_losses(self) -> bool:
        """Whether somebody wants to know what each sample lost."""
        return self.sampler.listens or self.steps.is_watched

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """Return the losses of a student that sees a draw of what is there.

        Args:
            inputs: (n, sum C, h, w), normalised.
            data_samples: n samples with labels.
        """
        metas = [sample.metainfo for sample in data_samples]
        if not self.teacher and not all(map(is_labelled, metas)):
            raise ValueError(
                'an image without a label teaches nothing without a teacher; '
                'set `model.teacher`, or `labelled=True` of the data set'
            )
        there = self._present(metas, len(inputs))
        # A validation loss is no step: it draws what the last one did, and
        # teaches no row.
        is_step = torch.is_grad_enabled()
        step = self.steps.next() if is_step else self.steps.now
        present = self.sampler.draw(there, step, get_rank())
        spoilt, degraded = inputs, degraded_of(metas, present, self.stack)
        if self.degrading is not None:
            spoilt, present, degraded = self.degrading(
                inputs, there, present, step, get_rank()
            )
        with (
            collecting_losses() as side_losses,
            hearing_samples(self.asks_for_losses) as heard,
        ):
            samples = inputs, data_samples, there, present
            if self.completion is None:
                losses = self._student_losses(*samples, spoilt, degraded)
            else:
                losses = completion_losses(self, super().loss, *samples, step)
        losses.update(side_losses)
        if is_step:
            lost = heard.of(losses, len(inputs)) if heard else None
            self._end_step(present, inputs.device, lost)
        return losses

    def _student_losses(
        self,
        inputs: Tensor,
        data_samples: list,
        there: Tensor,
        present: Tensor,
        spoilt: Tensor,
        degraded: Tensor | None,
    ) -> dict:
        """Return the losses of what a student makes of a draw."""
        metas = [sample.metainfo for sample in data_samples]
        teacher = self._ask_teacher(inputs, there, metas)
        with (
            comparing(self, self._banks, inputs, there, present),
            self._seeing(spoilt, present, metas, degraded) as filled,
        ):
            if teacher is None:
                return super().loss(filled, data_samples)
            return student_losses(self, filled, data_samples, teacher)

    def _end_step(
        self, present: Tensor, device: torch.device, lost: Tensor | None
    ) -> None:
        """Keep what this step showed; let the sampler hear what it lost."""
        self.drawn = present
        counts = self.steps.add(present, device, lost)
        if self.sampler.listens:
            self.sampler.heard(self.steps.losses)
        for bank in self._banks:
            bank.samples_seen += bank.rows_of(counts)

    @torch.no_grad()
    def _ask_teacher(
        self, inputs: Tensor, present: Tensor, metas: Sequence[Mapping]
    ) -> Output | None:
        """Return what the bare base makes of all that is present."""
        if not self.teacher:
            return None
        with self._seeing(inputs, present, metas, None, True) as filled:
            return run(self, filled)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list) -> Tensor:
        """Return logits (n, classes, h, w) of whole images or crops."""
        metas = batch_img_metas
        present = self._present(metas, len(inputs))
        degraded = degraded_of(metas, present, self.stack)
        bare = told_to(self, False)
        with self._seeing(inputs, present, metas, degraded, bare) as filled:
            return super().encode_decode(filled, batch_img_metas)

    def _forward(self, inputs: Tensor, data_samples: list | None = None):
        """Return the head's raw output."""
        metas = [s.metainfo for s in data_samples] if data_samples else []
        present = self._present(metas, len(inputs))
        degraded = degraded_of(metas, present, self.stack)
        bare = told_to(self, False)
        with self._seeing(inputs, present, metas, degraded, bare) as filled:
            return super()._forward(filled, data_samples)
