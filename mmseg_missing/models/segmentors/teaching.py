"""A student with adapters learns from the bare base on all that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from mmseg.utils import add_prefix
from torch import Tensor

from ...values import naming
from ..losses import Output, TeacherLoss


def build_teacher(
    segmentor: EncoderDecoder,
    teacher: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
) -> tuple[TeacherLoss, ...]:
    """Return the losses against the teacher; none without one.

    They have no weights, and are no part of the segmentor's modules.

    Raises:
        ValueError: no loss of this kind, or a segmentor whose base is not
            frozen or whose head has another loss than that of its logits.
    """
    given = [teacher] if isinstance(teacher, Mapping) else teacher
    given = [] if given is None else given
    if not isinstance(given, (list, tuple)) or not all(
        isinstance(loss, Mapping) for loss in given
    ):
        raise ValueError(
            "`model.teacher` takes dicts such as dict(type='LogitKL'), got "
            f'{teacher!r}'
        )
    for loss in given:
        kind = loss.get('type')
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        if not (isinstance(kind, type) and issubclass(kind, TeacherLoss)):
            raise ValueError(
                '`model.teacher` takes LogitKL, ChannelWiseKL and FeatureMSE, '
                f'got {loss.get("type")}'
            )
    with naming('model.teacher'):
        losses = tuple(MODELS.build(dict(loss)) for loss in given)
    if losses and not hasattr(segmentor, 'adapters'):
        raise ValueError(
            'a teacher is the frozen base under the adapters, head included; '
            'set `model.adapter`, or leave `model.teacher` out'
        )
    if losses:
        check_simple_head(segmentor, 'model.teacher')
    return losses


def check_simple_head(segmentor: EncoderDecoder, key: str) -> None:
    """Refuse a head whose loss does not follow from its logits alone.

    Args:
        segmentor: Whose head it is.
        key: What asks for it.

    Raises:
        ValueError: such a head.
    """
    head = type(segmentor.decode_head)
    if (
        getattr(head, 'loss', None) is not BaseDecodeHead.loss
        or head.loss_by_feat is not BaseDecodeHead.loss_by_feat
    ):
        raise ValueError(
            'a teacher needs a head whose loss follows from its logits alone, '
            f'got {head.__name__} of {type(segmentor).__name__}; leave '
            f'`{key}` out'
        )


def run(segmentor: EncoderDecoder, inputs: Tensor) -> Output:
    """Return features and logits of filled inputs."""
    features = segmentor.extract_feat(inputs)
    logits = segmentor.decode_head.forward(features)
    return Output(tuple(features), logits)


def student_losses(
    segmentor: EncoderDecoder,
    inputs: Tensor,
    data_samples: list,
    teacher: Output,
) -> dict[str, Tensor]:
    """Return what ``EncoderDecoder.loss`` does, and ``teacher.<name>``.

    Features and logits are computed once, for labels and teacher.

    Args:
        segmentor: One with :func:`build_teacher` losses.
        inputs: (n, sum C, h, w), normalised and filled.
        data_samples: n samples with label maps.
        teacher: Output for the same samples.
    """
    student = run(segmentor, inputs)
    losses = label_losses(segmentor, student, data_samples)
    if not any(is_labelled(sample.metainfo) for sample in data_samples):
        # MMSegmentation calls no pixel of none right an accuracy of 100.
        losses = {k: v for k, v in losses.items() if 'acc_seg' not in k}
    labels = segmentor.decode_head._stack_batch_gt(data_samples).squeeze(1)
    for loss in segmentor.teacher:
        key = f'teacher.{loss.loss_name}'
        losses[key] = losses.get(key, 0) + loss(student, teacher, labels)
    return losses


def label_losses(
    segmentor: EncoderDecoder, output: Output, data_samples: list
) -> dict[str, Tensor]:
    """Return the losses of the heads against label maps."""
    losses = segmentor.decode_head.loss_by_feat(output.logits, data_samples)
    losses = add_prefix(losses, 'decode')
    if segmentor.with_auxiliary_head:
        losses.update(
            segmentor._auxiliary_head_forward_train(
                output.features, data_samples
            )
        )
    return losses


def is_labelled(meta: Mapping[str, Any]) -> bool:
    """Say whether a sample has a label, by its metainfo."""
    return meta.get('labelled', True)
