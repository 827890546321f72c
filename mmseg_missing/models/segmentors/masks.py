"""Masks without logits of the full size for all classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.models.decode_heads.cascade_decode_head import (
    BaseCascadeDecodeHead,
)
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from ...finite import is_finite

VECTOR = 64  # bytes of the widest vector register that torch computes with
# What a prediction consists of; one of somebody's own is called as it is.
METHODS = (
    'predict',
    'inference',
    'whole_inference',
    'encode_decode',
    '_forward',
    'postprocess_result',
)
OURS = ('mmseg.models.', 'mmseg_missing.models.')


class MaskPredicting:
    """A segmentor that can leave out what a mask alone does not need.

    MMSegmentation resizes the logits of all classes to the size of the
    image, then to its original one, and looks for the largest. Here a group
    of classes at a time is resized, and only what was largest so far is kept.
    """

    def predict_masks(
        self,
        inputs: Tensor,
        data_samples: Sequence[Any],
        confidence: bool = False,
    ) -> list[Any]:
        """Return the samples with the masks of ``predict``, bit for bit.

        They get no ``seg_logits``, and metainfo ``finite_scores`` says
        whether all scores were numbers.

        Args:
            inputs: (n, sum C, h, w), normalised.
            data_samples: n samples.
            confidence: Give them ``pred_confidence`` as well, (1, H, W), the
                probability of each pixel's class; or leave ``seg_logits``
                where these are needed for the masks.
        """
        if not self._is_usual():
            found = self.predict(inputs, data_samples)
            return found if confidence else _without_logits(found)
        metas = [sample.metainfo for sample in data_samples]
        head = _last_head(self)
        coarse = self._forward(inputs, data_samples)
        enlarge = partial(head.predict_by_feat, batch_img_metas=metas)
        if not is_finite(coarse):
            return _without_logits(
                self.postprocess_result(enlarge(coarse), data_samples)
            )
        for i, (sample, meta) in enumerate(zip(data_samples, metas)):
            restore = partial(
                restored, meta=meta, align_corners=self.align_corners
            )
            mask, sure = resized_prediction(
                coarse[i : i + 1], enlarge, restore, confidence=confidence
            )
            sample.set_data({'pred_sem_seg': PixelData(data=mask)})
            if sure is not None:
                sample.set_data({'pred_confidence': PixelData(data=sure)})
            sample.set_metainfo({'finite_scores': True})
        return list(data_samples)

    def mask_of(self, logits: Tensor, sample: Any) -> Tensor:
        """Return the mask of ``postprocess_result``, bit for bit.

        Args:
            logits: (1, classes, h, w) of the size that the network saw.
            sample: The image, with its metainfo.

        Returns:
            (H, W), of the image's original size.
        """
        if not self._is_usual() or not is_finite(logits):
            [found] = self.postprocess_result(logits, [sample])
            return found.pred_sem_seg.data[0]
        restore = partial(
            restored, meta=sample.metainfo, align_corners=self.align_corners
        )
        return resized_argmax(logits, restore)[0]

    def _is_usual(self) -> bool:
        """Say whether the last step is a resize, and nobody changed one."""
        head = _last_head(self)
        parts = [getattr(self, name) for name in METHODS]
        return (
            all(f'{part.__module__}.'.startswith(OURS) for part in parts)
            and self.test_cfg.get('mode', 'whole') == 'whole'
            and self.out_channels > 1
            and isinstance(head, BaseDecodeHead)
            and type(head).predict
            in (BaseDecodeHead.predict, BaseCascadeDecodeHead.predict)
            and type(head).predict_by_feat is BaseDecodeHead.predict_by_feat
        )


def _last_head(segmentor: Any) -> nn.Module:
    head = segmentor.decode_head
    return head[-1] if isinstance(head, nn.ModuleList) else head


def _without_logits(samples: Sequence[Any]) -> list[Any]:
    for sample in samples:
        is_fine = is_finite(sample.seg_logits.data)
        sample.set_metainfo({'finite_scores': is_fine})
        del sample.seg_logits  # after `pop` it would still be held
    return list(samples)


def restored(
    x: Tensor, meta: Mapping[str, Any], align_corners: bool
) -> Tensor:
    """Return maps (1, c, h, w) of an image as it was before the pipeline.

    The steps are those of MMSegmentation's ``postprocess_result``: padding
    is cut off, a flip undone, the original size restored.

    Args:
        x: Input of the size that the network saw, finite.
        meta: The image's metainfo.
        align_corners: As the head resizes.
    """
    x, size = unpadded(x, meta), tuple(meta['ori_shape'])
    if tuple(x.shape[2:]) == size:
        return x  # it would stay as it is
    return F.interpolate(x, size, mode='bilinear', align_corners=align_corners)


def unpadded(x: Tensor, meta: Mapping[str, Any]) -> Tensor:
    """Return maps (1, c, h, w) without padding and flip.

    Args:
        x: Input of the size that the network saw.
        meta: The image's metainfo.
    """
    h, w = x.shape[2:]
    padding = meta.get('img_padding_size', meta.get('padding_size', [0] * 4))
    left, right, top, bottom = padding
    x = x[:, :, top : h - bottom, left : w - right]
    if meta.get('flip'):
        axis = 3 if meta['flip_direction'] == 'horizontal' else 2
        x = x.flip(dims=(axis,))
    return x


def resized_argmax(x: Tensor, *steps: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the mask of :func:`resized_prediction`."""
    return resized_prediction(x, *steps)[0]


def resized_prediction(
    x: Tensor, *steps: Callable[[Tensor], Tensor], confidence: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Return the largest class after some steps of resizing.

    It is that of resizing all classes at once, bit for bit, ties included:
    the channels of a map do not see each other, and each is computed in the
    kind of vector lane in which it would be among all, because lanes round
    differently.

    Args:
        x: (1, c, h, w), c > 1, finite.
        steps: Bilinear resizing, cutting and flipping.
        confidence: Whether to return how probable it is, too.

    Returns:
        (1, H, W) int64, and (1, H, W) float32 or None.
    """
    largest = winner = mass = None
    for start, end in _groups(x):
        part = _picked(x, start, end)
        for step in steps:
            part = step(part)
        value, index = part.max(1)
        if confidence:
            mass = _joined(mass, largest, part.float(), value)
        if largest is None:
            largest, winner = value, index
            continue
        wins = value > largest
        largest = torch.where(wins, value, largest)
        winner = torch.where(wins, index + start, winner)
    return winner, None if mass is None else mass.reciprocal_()


def _joined(
    mass: Tensor | None, before: Tensor | None, part: Tensor, largest: Tensor
) -> Tensor:
    """Return the sum of exp(x - max) over the classes so far and a group.

    Args:
        mass: That sum, (1, H, W); None: this is the first group.
        before: The largest score before this group.
        part: (1, c, H, W) scores of the group.
        largest: Its largest ones, (1, H, W).
    """
    if mass is None or before is None:
        return (part - largest.unsqueeze(1)).exp_().sum(1)
    top = torch.maximum(before, largest).float()
    mass = mass * (before - top).exp_()
    return mass + (part - top.unsqueeze(1)).exp_().sum(1)


def _groups(x: Tensor) -> Iterator[tuple[int, int]]:
    """Yield where groups of classes begin and end.

    They fill whole vectors, but for the last one, which has the classes
    that fill none among all, too.
    """
    c, lanes = x.shape[1], VECTOR // x.element_size()
    starts = range(0, max(c - lanes, 0) + 1, lanes)
    return zip(starts, [*starts[1:], c])


def _picked(x: Tensor, start: int, end: int) -> Tensor:
    """Return some channels in the memory layout of all."""
    layout = torch.contiguous_format
    if x.is_contiguous(memory_format=torch.channels_last):
        layout = torch.channels_last
    return x[:, start:end].contiguous(memory_format=layout)
