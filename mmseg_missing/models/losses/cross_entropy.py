"""MMSegmentation's cross entropy, with averages that are right.

Its own average fails where classes have weights and pixels have none (void
ones), and each process divides by its own number of pixels. It takes the
divisor from outside as well: here it is.
"""

from __future__ import annotations

from typing import Any

from mmseg.models.losses import CrossEntropyLoss
from mmseg.models.losses.cross_entropy_loss import (
    binary_cross_entropy as binary,
)
from mmseg.models.losses.cross_entropy_loss import cross_entropy as softmax
from mmseg.models.losses.utils import weight_reduce_loss
from torch import Tensor, nn

from .per_sample import tell_samples
from .ranks import mean_over_ranks


def mend_cross_entropy(root: nn.Module) -> None:
    """Let every ``CrossEntropyLoss`` below ``root`` average rightly."""
    for loss in root.modules():
        if isinstance(loss, CrossEntropyLoss) and not loss.use_mask:
            loss.cls_criterion = (
                binary_cross_entropy if loss.use_sigmoid else cross_entropy
            )


def cross_entropy(
    pred: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    class_weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | None = None,
    ignore_index: int = -100,
    avg_non_ignore: bool = False,
) -> Tensor:
    """Return the cross entropy of a softmax.

    Args: as MMSegmentation's, which this replaces. With ``class_weight``
        the mean is over the pixels that have a class, whatever
        ``avg_non_ignore`` says, as PyTorch's is.
    """
    if reduction == 'mean' and avg_factor is None:
        count: Any = label.numel()
        if class_weight is not None:
            count = class_weight[label[label != ignore_index]].sum()
        elif avg_non_ignore:
            count -= (label == ignore_index).sum().item()
        avg_factor = mean_over_ranks(count, pred.device)
    each = softmax(
        pred, label, weight, class_weight, 'none', None, ignore_index
    )
    return _reduced(each, label, ignore_index, reduction, avg_factor)


def binary_cross_entropy(
    pred: Tensor,
    label: Tensor,
    weight: Tensor | None = None,
    reduction: str = 'mean',
    avg_factor: float | None = None,
    class_weight: Tensor | None = None,
    ignore_index: int = -100,
    avg_non_ignore: bool = False,
) -> Tensor:
    """Return the cross entropy of a sigmoid per class.

    Args: as MMSegmentation's, which this replaces. ``class_weight`` weighs
        the positives of each class.
    """
    if reduction == 'mean' and avg_factor is None and avg_non_ignore:
        valid = ((label >= 0) & (label != ignore_index)).sum().item()
        avg_factor = mean_over_ranks(valid * pred.shape[1], pred.device)
    if class_weight is not None:
        class_weight = class_weight.view(-1, 1, 1)  # of (n, c, h, w)
    each = binary(
        pred, label, weight, 'none', None, class_weight, ignore_index
    )
    return _reduced(each, label, ignore_index, reduction, avg_factor)


def _reduced(
    each: Tensor,
    label: Tensor,
    ignore_index: int,
    reduction: str,
    avg_factor: float | None,
) -> Tensor:
    """Return the loss of all pixels, and tell what samples lost.

    Args:
        each: Loss of every pixel, (n, h, w) or one per class too.
        label: (n, h, w).
        ignore_index: Label of pixels without a class.
        reduction: As MMSegmentation's.
        avg_factor: Divisor of a mean.
    """
    if reduction == 'mean':
        tell_samples(each, label != ignore_index)
    return weight_reduce_loss(each, None, reduction, avg_factor)
