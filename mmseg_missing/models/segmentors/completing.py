"""What a training step of a network with `model.completion` loses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from mmengine.model import BaseModule
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor

from ...values import naming, settings
from ..completion import MaskedCompletion
from ..losses import Output, hearing_samples
from ..utils.stream_levels import watching_streams
from .predicting import build_generator, stream_channels, targets_of
from .teaching import check_simple_head, label_losses, run

KEY = 'model.completion'
# The decoder of all modalities, unless `model.generator` says another.
DECODER = {'type': 'UNetGenerator', 'widths': (32, 64, 128)}


def build_completion(
    segmentor: EncoderDecoder,
    config: Mapping[str, Any] | None,
    generator: str | Mapping[str, Any] | None,
    others: Mapping[str, Any],
) -> MaskedCompletion | None:
    """Return what completes inputs and learns with the network.

    Args:
        segmentor: Whose stack, fill, backbone and head it is for.
        config: ``model.completion``; None: nothing does.
        generator: ``model.generator``, its decoder.
        others: What of the config excludes it, by key.

    Raises:
        ValueError: what cannot be together, or no fill that it predicts.
    """
    if config is None:
        return None
    given = {'type': 'MaskedCompletion', **settings(KEY, config)}
    for name, value in others.items():
        if value is not None:
            raise ValueError(
                f'`{KEY}` trains the whole network with its decoder, '
                f'`model.{name}` needs a frozen one; leave one of them out'
            )
    if not targets_of(segmentor):
        raise ValueError(
            f"`{KEY}` completes modalities whose fill is 'predicted'; set "
            "`model.fill='predicted'`"
        )
    decoder = build_generator(
        segmentor, DECODER if generator is None else generator
    )
    backbone: BaseModule = segmentor.backbone
    shows = getattr(backbone, 'shows_streams', False)
    own = {
        'generator': decoder,
        'num_classes': segmentor.num_classes,
        'channels': stream_channels(backbone) if shows else None,
    }
    if set(own) & set(given):
        raise ValueError(
            f'`{KEY}` gets {", ".join(own)} of the segmentor, its decoder is '
            f'`model.generator`; got {sorted(set(own) & set(given))}'
        )
    with naming(KEY):
        completion = MODELS.build({**given, **own})
    if not isinstance(completion, MaskedCompletion):
        raise ValueError(
            f'`{KEY}` takes a dict of a MaskedCompletion, got {given["type"]}'
        )
    if completion.distillation is not None:
        check_simple_head(segmentor, f'{KEY}.distillation')
    return completion


def completion_losses(
    segmentor: EncoderDecoder,
    plain_losses: Callable[[Tensor, list], dict],
    inputs: Tensor,
    data_samples: list,
    there: Tensor,
    shown: Tensor,
    step: int,
) -> dict[str, Any]:
    """Return the losses of one step.

    Args:
        segmentor: One with ``completion``.
        plain_losses: ``loss`` of the segmentor that it extends.
        inputs: (n, sum C, h, w), normalised; what is absent may hold NaN.
        data_samples: n samples with label maps.
        there: (n, M) bool on the CPU, what they really have.
        shown: (n, M) bool, the draw of what is there.
        step: Number of the training step.
    """
    completion = segmentor.completion
    metas = [sample.metainfo for sample in data_samples]
    known = segmentor.filled(inputs, there, metas)
    filled = segmentor.filled(inputs, shown, metas)
    losses = completion.reconstruct(known, there, filled, shown)
    if step < completion.alone:
        return losses
    completed = completion.generator(filled, shown)
    with watching_streams() as streams:
        if completion.distillation is None:
            with segmentor.running_on(completed, segmentor.completed(shown)):
                losses.update(plain_losses(completed, data_samples))
        else:
            losses.update(
                _both(segmentor, completed, filled, data_samples, shown, step)
            )
    if completion.distribution is not None:
        labels = torch.cat([s.gt_sem_seg.data for s in data_samples])
        losses['completion.loss_moments'] = completion.distribution(
            streams, there, shown, labels
        )
    return losses


def _both(
    segmentor: EncoderDecoder,
    completed: Tensor,
    filled: Tensor,
    data_samples: list,
    shown: Tensor,
    step: int,
) -> dict[str, Any]:
    """Return the losses on completed input, on plain one, and between them.

    One forward of all, so that norms see both.
    """
    distillation = segmentor.completion.distillation
    rows = [i for i, flags in enumerate(shown.tolist()) if not all(flags)]
    rows = rows or [0]  # processes average together, so none may skip it
    plain_samples = [data_samples[i] for i in rows]
    both = torch.cat([completed, filled[rows]])
    seen = torch.cat([segmentor.completed(shown), shown[rows]])
    with segmentor.running_on(both, seen):
        out = run(segmentor, both)
    n = len(completed)
    ours = Output(tuple(x[:n] for x in out.features), out.logits[:n])
    plain = Output(tuple(x[n:] for x in out.features), out.logits[n:])
    losses = label_losses(segmentor, ours, data_samples)
    with hearing_samples(segmentor.asks_for_losses):  # it hears ours alone
        found = label_losses(segmentor, plain, plain_samples)
    for name, value in add_prefix(found, 'plain').items():
        losses[name] = distillation.labels * value if 'loss' in name else value
    pair = Output(tuple(x[rows] for x in ours.features), ours.logits[rows])
    labels = torch.cat([s.gt_sem_seg.data for s in plain_samples])
    losses['completion.loss_kl'] = distillation(pair, plain, labels, step)
    return losses
