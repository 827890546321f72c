"""Frames in, masks out, whatever sensors are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from ..datasets.classes import voc_palette
from ..evaluation.batches import restrict
from ..monitoring import Stream
from ..present import Key, flags_of, keys, of_samples
from ..startup.sentences import last_line
from ..values import MOST_CLASSES, whole
from .arrays import check_keys
from .assembling import Assembler
from .folded_networks import MOST, FoldedNetworks, predict
from .frames import FrameReader
from .inputs import Frame, frames_of
from .model import AdapterFiles, init_model, load_config, watch_of
from .result import Result, mask_of, with_channels
from .rig import Rig
from .saving import check_places, overlay_of, save
from .zoo import from_zoo

# What a user's frame may raise; the next one is not concerned.
MISTAKES = (ValueError, TypeError, OSError)


class MultiModalInferencer(BaseInferencer):
    """Segment frames whose sensors may be missing.

    Inputs are a dict by modality of arrays, files, folders or videos, a
    folder with one folder per modality, a manifest, or a list of these.
    Files are decoded as the data set of the config does. Arrays have the
    unit of the data set (RGB 0..255 in RGB order, depth in metres); of
    others a warning says so. What is left out or None is absent. Combinations
    that are asked for again and again are folded into plain networks.
    Several threads may share one.

    Args: those of :func:`mmseg_missing.apis.init_model`, and
        policy: What becomes of sensors that are ill: ``trust`` (they are
            believed), ``drop`` (they count as absent), ``recover`` (they are
            repaired, by networks that learnt it).
        monitor: Adapter file with the clean statistics by which they are
            judged (``mmseg-missing fit --by monitor``); default: `adapter`.
        folds: How many folded networks are kept; 0: none.
        show_progress: Whether a call shows a progress bar.

    >>> segment = MultiModalInferencer.from_zoo('scenes-tiny')
    >>> frame = {'rgb': np.full((32, 48, 3), 99, np.uint8), 'depth': None}
    >>> found = segment([frame, frame], return_vis=True)
    >>> found['predictions'][0].shape, found['visualization'][1].shape
    ((32, 48), (32, 48, 3))
    """

    visualize_kwargs = {'return_vis'}
    postprocess_kwargs = {'out_dir', 'panel'}

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        adapter: AdapterFiles = None,
        device: str = 'cpu',
        trust: bool = False,
        policy: str = 'trust',
        monitor: AdapterFiles = None,
        folds: int = MOST,
        show_progress: bool = False,
    ) -> None:
        is_read = isinstance(config, Config)
        cfg = config if is_read else load_config(config)
        self._adapter, self._trust = adapter, trust
        super().__init__(cfg, checkpoint, device, 'mmseg', show_progress)
        self.cfg = self.model.cfg
        if self.model.num_classes > MOST_CLASSES:
            raise ValueError(
                f'a mask of uint8 does not hold {self.model.num_classes} '
                'classes; call the network that init_model returns'
            )
        self.watch = watch_of(self.model, monitor or adapter, policy)
        self.folded = FoldedNetworks(self.model, folds)

    @classmethod
    def from_zoo(cls, name: str, **options: Any) -> MultiModalInferencer:
        """Return one for a trained network, see :func:`from_zoo`.

        Args:
            name: Name of the network, such as ``scenes-tiny``.
            **options: As for the class.

        >>> MultiModalInferencer.from_zoo('scenes-tiny').names
        ('rgb', 'depth', 'thermal')
        """
        return cls(*from_zoo(name), **options)

    def _init_model(self, cfg: Any, weights: Any, device: str) -> nn.Module:
        return init_model(cfg, weights, self._adapter, device, self._trust)

    def _init_pipeline(self, cfg: Config) -> Compose:
        self._assemble = Assembler(self.model.cfg, self.model.stack)
        return self._assemble.pipeline

    def _init_collate(self, cfg: Config) -> Any:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> None:
        return None  # pictures are drawn from plain data

    @property
    def names(self) -> tuple[str, ...]:
        """The modalities that a frame may have."""
        return tuple(self._assemble.inputs)

    @property
    def palette(self) -> Sequence[Sequence[int]]:
        """The colours of training, or others where it had none."""
        meta = self.model.dataset_meta or {}
        return meta.get('palette') or voc_palette(self.model.num_classes)

    @cached_property
    def _reader(self) -> FrameReader:
        return FrameReader(self.cfg)

    def __call__(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 1,
        return_vis: bool = False,
        out_dir: str | Path = '',
        panel: bool = False,
    ) -> dict[str, Any]:
        """Segment all frames and keep what came out.

        Args:
            inputs: See the class.
            return_datasamples: Give data samples in place of arrays.
            batch_size: Frames that are read before they run. Those of one
                size and combination run together.
            return_vis: Give overlays, too.
            out_dir: Write masks and overlays to this folder, by name.
            panel: Write a panel per frame there, too: inputs, what the
                network did not use crossed out, prediction, and what the
                bare base would have made of it.

        Returns:
            A dict of ``names``, ``predictions`` ((H, W) uint8 each) and,
            where asked for, ``visualization`` ((H, W, 3) uint8 RGB), lists
            in the order of the inputs without those that failed;
            ``failed`` has a sentence for each of these, by name.

        Raises:
            TypeError, ValueError, OSError: inputs that are none, or a single
                frame that cannot be used.
        """
        frames = frames_of(inputs, self.names)
        masks = {f.name: Path(out_dir, f'{f.name}.png') for f in frames}
        if out_dir:
            check_places(frames, masks, panel)
        results, failed = [], {}
        for result in self._progress(frames, batch_size, panel):
            if result.failure is None:
                if out_dir:
                    save(masks[result.name], result, self.palette, panel)
                results.append(result)
            elif len(frames) == 1 and isinstance(inputs, Mapping):
                raise result.failure
            else:
                failed[result.name] = result.error
        pictures = self.visualize(frames, results, return_vis)
        return {
            **self.postprocess(results, pictures, return_datasamples),
            'failed': failed,
        }

    def _progress(
        self, frames: Sequence[Frame], batch_size: int, unrepaired: bool
    ) -> Iterable[Result]:
        results = self.results(frames, batch_size, unrepaired)
        if not self.show_progress:
            return results
        from rich.progress import track

        return track(results, 'frames', len(frames))

    def visualize(
        self, inputs: Any, preds: Sequence[Result], return_vis: bool = False
    ) -> list[np.ndarray]:
        """Return an overlay for each result, where they are asked for."""
        if not return_vis:
            return []
        return [overlay_of(result, self.palette) for result in preds]

    def postprocess(
        self,
        preds: Sequence[Result],
        visualization: Sequence[np.ndarray],
        return_datasamples: bool = False,
    ) -> dict[str, Any]:
        """Return a dict of results that did not fail."""
        found = {
            'names': [result.name for result in preds],
            'predictions': [
                result.sample if return_datasamples else result.mask
                for result in preds
            ],
        }
        if visualization:
            found['visualization'] = list(visualization)
        return found

    def results(
        self, inputs: Any, batch_size: int = 1, unrepaired: bool = False
    ) -> Iterator[Result]:
        """Yield one result after the other, in order; nothing is kept.

        Args:
            inputs: See the class, or a list of frames.
            batch_size: See the call.
            unrepaired: Ask the bare base as well, where there are adapters.
        """
        batch_size = whole('batch_size', batch_size, 1)
        if not (isinstance(inputs, list) and _are_frames(inputs)):
            inputs = frames_of(inputs, self.names)
        for start in range(0, len(inputs), batch_size):
            yield from self._run(
                inputs[start : start + batch_size], unrepaired
            )

    @torch.no_grad()
    def _run(self, frames: Sequence[Frame], unrepaired: bool) -> list[Result]:
        """Return the results of some frames, in their order."""
        results: dict[int, Result] = {}
        groups: dict[tuple, list] = defaultdict(list)
        for index, frame in enumerate(frames):
            try:
                arrays = self._reader(frame.given)
                sample = self._sample(arrays)
            except MISTAKES as error:
                results[index] = Result(frame.name, failure=error)
                continue
            size = tuple(sample['inputs'].shape)
            groups[size].append((index, frame.name, arrays, sample))
        for group in groups.values():
            results.update(self._of_group(group, unrepaired))
        return [results[index] for index in range(len(frames))]

    def _of_group(
        self, group: Sequence[tuple], unrepaired: bool
    ) -> dict[int, Result]:
        """Return results by index; what fails together is tried apart."""
        try:
            samples = self.forward([each[-1] for each in group])
            bare = [None] * len(group)
            if unrepaired and self.model._banks:
                with self.model.unrepaired():
                    bare = self.forward(
                        [each[-1] for each in group], bare=True
                    )
        except MISTAKES as error:
            if len(group) == 1:
                [(index, name, *_)] = group
                return {index: Result(name, failure=error)}
            return {
                index: result
                for each in group
                for index, result in self._of_group([each], unrepaired).items()
            }
        return {
            index: self._result(name, arrays, sample, base)
            for (index, name, arrays, _), sample, base in zip(
                group, samples, bare, strict=True
            )
        }

    def _result(
        self, name: str, arrays: Mapping, sample: Any, base: Any
    ) -> Result:
        return Result(
            name,
            mask_of(sample),
            self._present(sample),
            {n: with_channels(a) for n, a in arrays.items()},
            None if base is None else mask_of(base),
            sample,
        )

    def _sample(self, frame: Mapping[str, np.ndarray | None]) -> dict:
        return self.pipeline(self._assemble(frame, self.watch is None))

    def _present(self, sample: Any) -> dict[str, bool]:
        flags = flags_of(sample.metainfo['present'], self.model.stack.names)
        return dict(zip(self.model.stack.names, flags, strict=True))

    @torch.no_grad()
    def forward(
        self,
        inputs: Sequence[Mapping[str, Any]],
        rig: Rig | Stream | None = None,
        bare: bool = False,
    ) -> list[BaseDataElement]:
        """Return the data samples that are predicted, without logits.

        Args:
            inputs: What the pipeline made of frames of one size.
            rig: What is remembered of the sensors; a single frame then.
            bare: Run the base alone, in a block of ``model.unrepaired()``.
        """
        batch = self.model.data_preprocessor(self.collate_fn(inputs), False)
        present, degraded = self._judged(batch, rig)
        samples = restrict(batch['data_samples'], present, degraded)
        groups: dict[Key, list[int]] = defaultdict(list)
        for index, key in enumerate(keys(present)):
            groups[key].append(index)
        found: list[Any] = [None] * len(samples)
        for chosen in groups.values():
            part = {
                'inputs': batch['inputs'][chosen],
                'data_samples': [samples[i] for i in chosen],
            }
            is_ill = degraded is not None and degraded[chosen].any()
            if bare or is_ill:
                predicted = predict(self.model, part)
            else:
                [name] = self.model.stack.names_of(present[chosen[:1]])
                predicted = self.folded.predict(part, name)
            for index, sample in zip(chosen, predicted, strict=True):
                found[index] = sample
        return found

    def _judged(
        self, batch: Mapping[str, Any], rig: Rig | Stream | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return what counts as present, and as degraded, (n, M) bool."""
        metas = [sample.metainfo for sample in batch['data_samples']]
        present = of_samples(metas, self.model.stack)
        if isinstance(rig, Rig):
            return rig.tell(self.watch, batch['inputs'], present)
        if self.watch is None:
            return present, None
        return self.watch.tell(batch['inputs'], present, rig)

    def segment(
        self,
        frame: Mapping[str, np.ndarray | None],
        stream: Stream | None = None,
    ) -> np.ndarray:
        """Return the class of every pixel of one frame.

        Args:
            frame: One array per modality that is there, (H, W) or (H, W, C),
                in the unit of the data set's files after their `scale` (RGB
                0..255 in RGB order, depth in metres). Where the data set
                encodes depth while it reads (disparity, HHA, normals), so
                does this; pixels that its ``nodata`` marks become the mean
                here, too. What is left out or None is absent.
            stream: What is remembered of one rig of sensors, the frames in
                order, where sensors are judged.

        Returns:
            (H, W) uint8, in the size of the frame.

        Raises:
            TypeError: no dict, or values that are no numbers.
            ValueError: nothing present, an unknown modality, arrays of
                different sizes, with a wrong number of channels or NaN.

        Warns:
            UserWarning: once per modality, and a line in the log, where
                values lie so far outside of its mean and std that they are
                in another unit.
        """
        [sample] = self.forward([self._sample(frame)], stream)
        return mask_of(sample)

    @torch.no_grad()
    def unrepaired(self, frame: Mapping[str, np.ndarray | None]) -> np.ndarray:
        """Return what the bare base makes of a frame, as ``segment`` does."""
        with self.model.unrepaired():
            [sample] = self.forward([self._sample(frame)], bare=True)
        return mask_of(sample)

    def stream(
        self,
        frames: Iterable[Mapping[str, Any]],
        max_age: Mapping[str, int] | None = None,
        memory: Stream | None = None,
    ) -> Iterator[Result]:
        """Yield a result for each frame of one rig of sensors.

        The log has a line, with the reason, whenever a sensor is taken out
        or comes back. A frame that cannot be used gives a result with an
        error, and the next one goes on.

        Args:
            frames: In order, a dict of arrays or files each.
            max_age: By modality, for how many frames in a row its last image
                may be used when it delivers no new one: none at all, or the
                same pixels again. Default: 0.
            memory: How quickly sensors go off and on; default: off after 2
                bad frames of 3 or as soon as nothing is there, on after 5
                good ones.

        Raises:
            ValueError: an age of an unknown modality, or below 0.
        """
        rig = Rig(self.model.stack.names, max_age, memory)
        for index, given in enumerate(frames):
            yield self._next(f'{index:06d}', given, rig)

    @torch.no_grad()
    def _next(self, name: str, given: Any, rig: Rig) -> Result:
        try:
            check_keys(given, self._assemble.inputs, may_be_empty=True)
            frame = rig.fresh(self._whole(given, rig))
            sample = self._sample(frame)
            [found] = self.forward([sample], rig)
        except MISTAKES as error:
            rig.failed()
            return Result(name, failure=error)
        return self._result(name, frame, found, None)

    def _whole(self, given: Mapping[str, Any], rig: Rig) -> dict[str, Any]:
        """Return what of a frame can be read; the rig hears of the rest."""
        arrays = {}
        for name, value in given.items():
            try:
                arrays.update(self._reader({name: value}))
                if name in arrays:
                    is_finite = self.watch is None
                    self._assemble.inputs[name].loaded(arrays[name], is_finite)
            except MISTAKES as error:
                arrays.pop(name, None)
                rig.refuse(name, last_line(error))
        return arrays


class Inferencer(MultiModalInferencer):
    """One frame in, one mask out: a call is ``segment``.

    >>> segment = Inferencer.from_zoo('scenes-tiny')
    >>> mask = segment({'rgb': np.full((32, 48, 3), 99, np.uint8)})
    >>> mask.shape, mask.dtype  # depth and thermal are missing
    ((32, 48), dtype('uint8'))
    """

    __call__ = MultiModalInferencer.segment  # type: ignore[assignment]


def _are_frames(inputs: Sequence[Any]) -> bool:
    return bool(inputs) and all(isinstance(each, Frame) for each in inputs)
