"""Faults of one modality of a loaded sample."""

import hashlib

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_missing.corruptions.faults import check_fault, corrupt
from mmseg_missing.values import whole

from .joint import arrays_of


@TRANSFORMS.register_module()
class CorruptModality(BaseTransform):
    """Let one modality suffer a fault, in raw units.

    It belongs after loading and before normalisation, so right after
    ``LoadModalities``. What is drawn depends on the seed, the modality and
    the sample's number, not on workers, batches or order.

    Args:
        fault: ``'noise'``, ``'blur'``, ``'holes'``, ``'quantisation'``,
            ``'drift'``, ``'shift'``, ``'stale'``, ``'fog'``, ``'rain'``,
            ``'banding'`` or ``'scale_shift'``; see
            :mod:`mmseg_missing.corruptions.faults`.
        modality: its name.
        severity: 1 to 5.
        seed: of all draws.

    Raises:
        ValueError: unknown fault or severity.

    >>> results = {
    ...     'modalities': {'rgb': np.full((8, 12, 3), 200, np.uint8)},
    ...     'sample_idx': 0,
    ... }
    >>> foggy = CorruptModality('fog', 'rgb', severity=5)(results)
    >>> foggy['modalities']['rgb'].shape
    (8, 12, 3)
    """

    def __init__(
        self, fault: str, modality: str, severity: int = 3, seed: int = 0
    ) -> None:
        check_fault(fault, severity)
        self.fault = fault
        self.modality = modality
        self.severity = severity
        self.seed = whole('CorruptModality.seed', seed, least=0)

    def transform(self, results: dict) -> dict:
        """Replace the modality; uint8 stays uint8 and saturates."""
        arrays = arrays_of(
            results, [self.modality], 'CorruptModality', 'set `modality`'
        )
        array = arrays[self.modality]
        image = torch.from_numpy(array.transpose(2, 0, 1).astype(np.float32))
        image = corrupt(image, self.fault, self.severity, self._seed(results))
        changed = image.numpy().transpose(1, 2, 0)
        if array.dtype == np.uint8:
            changed = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
        results['modalities'] = {
            **arrays,
            self.modality: np.ascontiguousarray(changed),
        }
        return results

    def _seed(self, results: dict) -> int:
        key = (self.seed, self.modality, results.get('sample_idx', 0))
        digest = hashlib.sha256(repr(key).encode()).digest()
        return int.from_bytes(digest[:4], 'little')
