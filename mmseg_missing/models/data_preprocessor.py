"""Normalisation of stacked modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from ..modality import Modality, Stack
from ..values import listed, settings, void_label, whole


@MODELS.register_module()
class ModalityDataPreprocessor(SegDataPreProcessor):
    """Normalise each channel with its modality's mean and std, then pad.

    Padding is 0 after normalisation, in every modality.

    Args:
        stack: The modalities, or dicts of their fields.
        size: Fixed padded size (h, w) in training.
        size_divisor: Padded sizes in training are multiples of it.
        seg_pad_val: Label of padding; 255, as everywhere.
        test_cfg: ``dict(size=...)`` or ``dict(size_divisor=...)``: padding
            in testing; default: none.

    >>> stack = Stack([dict(name='depth', channels=1, mean=[2.0], std=[4.0])])
    >>> data = {'inputs': [torch.full((1, 3, 5), 10.0)]}
    >>> ModalityDataPreprocessor(stack)(data)['inputs'].unique().tolist()
    [2.0]
    """

    def __init__(
        self,
        stack: Stack | Sequence[Modality | Mapping[str, Any]],
        size: tuple[int, int] | None = None,
        size_divisor: int | None = None,
        seg_pad_val: int = 255,
        test_cfg: dict | None = None,
    ) -> None:
        key = 'model.data_preprocessor'
        if size is not None:
            check_size(f'{key}.size', size)
        if size_divisor is not None:
            whole(f'{key}.size_divisor', size_divisor, 1)
        if test_cfg is not None:
            _check_test_cfg(f'{key}.test_cfg', test_cfg)
        super().__init__(
            size=size,
            size_divisor=size_divisor if size or size_divisor else 1,
            seg_pad_val=void_label(f'{key}.seg_pad_val', seg_pad_val),
            test_cfg=test_cfg,
        )
        # The parent of one of the two stacks takes 1 or 3 values only.
        self._enable_normalize = True
        for key in ('mean', 'std'):
            values = [v for m in Stack(stack) for v in getattr(m, key)]
            self.register_buffer(
                key, torch.tensor(values).view(-1, 1, 1), persistent=False
            )

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Return ``inputs`` (n, sum C, h, w) normalised, and data samples.

        Raises:
            ValueError: inputs with another number of channels; in testing
                inputs of different sizes; in training a label of another
                size, which a loss would stretch.
        """
        for x in data['inputs']:
            if len(x) != len(self.mean):
                raise ValueError(
                    f'the stack has {len(self.mean)} channels but an input '
                    f'has {len(x)}; give `PackModalities` and the segmentor '
                    'the same `modalities`'
                )
        sizes = {tuple(x.shape[1:]) for x in data['inputs']}
        if len(sizes) > 1 and not training:
            raise ValueError(
                f'the images of a batch differ in size ({sorted(sizes)}), '
                'and padding would change their scores; set `batch_size=1` '
                'of the data loader, or test with `CombinationTestLoop`'
            )
        if training:
            for x, sample in zip(data['inputs'], data.get('data_samples', ())):
                _check_label(x, sample)
        batch = super().forward(data, training)
        if not training:
            for sample in batch.get('data_samples') or ():
                _check_way_back(sample)
        return batch


def _check_label(x: torch.Tensor, sample: SegDataSample) -> None:
    """Refuse a label that a loss would stretch to the size of its image."""
    label = sample.get('gt_sem_seg')
    if label is not None and label.shape[-2:] != x.shape[-2:]:
        raise ValueError(
            f"the label of '{sample.get('img_path', 'a sample')}' has size "
            f'{tuple(label.shape[-2:])} but its modalities have '
            f'{tuple(x.shape[-2:])}; in a training pipeline `LoadLabel` '
            'comes before what changes sizes, which changes both'
        )


def _check_way_back(sample: SegDataSample) -> None:
    """Let the metainfo tell how a prediction comes back to its image.

    MMSegmentation cuts off the padding added here *or* that of the pipeline,
    and turns back one flip.
    """
    meta = sample.metainfo
    if meta.get('flip_direction') == 'diagonal':
        raise ValueError(
            f"'{meta.get('img_path')}' was flipped both ways, and a "
            'prediction is turned back by one flip only; keep one '
            'RandomFlipModalities in the pipeline of the test'
        )
    if 'img_padding_size' in meta and 'padding_size' in meta:
        both = zip(meta['img_padding_size'], meta['padding_size'], strict=True)
        sample.set_metainfo({'img_padding_size': [a + b for a, b in both]})


def check_size(key: str, size: Any) -> None:
    """Refuse what is no height and width.

    Raises:
        TypeError: no list of whole numbers.
        ValueError: not two of them, or one below 1.
    """
    sides = [whole(key, side, 1, 2**16) for side in listed(key, size)]
    if len(sides) != 2:
        raise ValueError(f'`{key}` takes height and width, got {size!r}')


def _check_test_cfg(key: str, given: Any) -> None:
    config = settings(key, given)
    if config.get('size') is not None:
        check_size(f'{key}.size', config['size'])
    if config.get('size_divisor') is not None:
        whole(f'{key}.size_divisor', config['size_divisor'], 1)
    if set(config) - {'size', 'size_divisor'}:
        raise ValueError(
            f'`{key}` takes size or size_divisor, got {sorted(config)}'
        )
