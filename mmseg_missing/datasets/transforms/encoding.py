"""Encode depth: while a file is read, or of a sample that is loaded."""

from collections.abc import Mapping
from typing import Any

from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_missing.modality import Modality

from ..depth import DepthEncoder
from .joint import arrays_of


@TRANSFORMS.register_module()
class EncodeDepth(BaseTransform):
    """Add an encoding of depth to a sample that is already loaded.

    For depth in files the data set does it while they are read: see
    ``encode`` in the formats of ``MultiModalDataset``. Here the step comes
    before every change of geometry; the next one drops a ``source`` that
    is not in the stack.

    Args:
        encoding: ``'disparity'``, ``'hha'`` or ``'normals'``; see
            :class:`mmseg_missing.datasets.depth.DepthEncoder`.
        camera: of the source, as ``DepthEncoder`` takes it.
        source: modality in metres.
        target: name of the result; default: the encoding's.

    >>> results = {
    ...     'modalities': {'depth': np.ones((4, 6, 1), np.float32)},
    ...     'present': {'depth': True},
    ...     'img_shape': (4, 6),
    ... }
    >>> encode = EncodeDepth('disparity')
    >>> encode(results)['modalities']['depth'].shape
    (4, 6, 1)
    """

    def __init__(
        self,
        encoding: str,
        camera: str | Mapping | None = None,
        source: str = 'depth',
        target: str | None = None,
    ) -> None:
        self.encoder = DepthEncoder(encoding, camera)
        self.source = source
        self.target = target or encoding

    def transform(self, results: dict) -> dict:
        """Add ``target`` to the modalities, present where its source is."""
        arrays = arrays_of(
            results, [self.source], 'EncodeDepth', 'set `source`'
        )
        present = results['present']
        encoded = self.encoder(arrays[self.source])
        results['modalities'] = {**arrays, self.target: encoded}
        results['present'] = {**present, self.target: present[self.source]}
        return results


def find_encoder(
    form: Mapping[str, Any], modality: Modality
) -> DepthEncoder | None:
    """Return what a file format's ``encode`` asks for; None without it.

    Raises:
        ValueError: the stack declares another number of channels.
    """
    if not form.get('encode'):
        return None
    encoder = DepthEncoder(**form['encode'])
    if encoder.channels != modality.channels:
        raise ValueError(
            f"modality '{modality.name}' is encoded as '{encoder.encoding}' "
            f'with {encoder.channels} channels, but has {modality.channels}; '
            'change `channels` in `modalities`'
        )
    return encoder
