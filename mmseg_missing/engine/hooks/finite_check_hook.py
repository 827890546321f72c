"""Stop a training whose numbers are no numbers any more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor, nn

from ...finite import is_finite
from ..network import unwrapped

# Keys of a config whose numbers are all finite, but for the kind of a norm.
LEARNING = ('model', 'optim_wrapper', 'param_scheduler')
MAY_BE_INFINITE = ('norm_type',)
NAMED_IMAGES = 4
LARGEST = torch.finfo(torch.float32).max


@HOOKS.register_module()
class FiniteCheckHook(Hook):
    """Refuse a loss, a parameter and a rate that is NaN or infinite.

    The loss is looked at in every step: MMEngine has waited for it by then,
    so that this costs no synchronisation. Parameters are looked at before a
    checkpoint, since a step can spoil them while its loss was still finite;
    single infinite gradients, which dynamic loss scaling skips, are none of
    its business. All ranks stop together.

    Raises:
        ValueError: what is not finite; the sentence says where, in which
            images, and which checkpoint is the last good one.
    """

    priority = 'ABOVE_NORMAL'  # before averages are updated or files written

    def before_train(self, runner: Runner) -> None:
        """Look at the numbers that training begins with."""
        check_numbers(runner.cfg)
        self._iteration = runner.iter
        name = first_not_finite(runner.model)
        if name is not None:
            raise ValueError(
                f'{name!r} is not finite before training; check `load_from` '
                'and `init_cfg`'
            )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Look at the loss."""
        self._iteration = runner.iter + 1
        loss = (outputs or {}).get('loss', 0.0)
        loss = loss.item() if isinstance(loss, Tensor) else loss
        is_bad = torch.tensor(int(not math.isfinite(loss)))
        all_reduce(is_bad, 'max')
        if is_bad:
            found = all_gather_object((loss, _images(data_batch)))
            bad = [(x, images) for x, images in found if not math.isfinite(x)]
            named = [name for _, images in bad for name in images]
            raise ValueError(
                f'the loss is {bad[0][0]} in iteration {self._iteration} of '
                f'{runner.max_iters}, images {named[:NAMED_IMAGES]}; '
                f'{_last_good(runner)}; lower `optim_wrapper.optimizer.lr`, '
                'or check these images with mmseg-missing check'
            )

    def before_checkpoint(self, runner: Runner) -> None:
        """Look at all parameters, on every rank alike."""
        name = first_not_finite(runner.model)
        if name is not None:
            raise ValueError(
                f'{name!r} is not finite after iteration {self._iteration} '
                f'of {runner.max_iters}; {_last_good(runner)}; lower '
                '`optim_wrapper.optimizer.lr`'
            )


def first_not_finite(model: nn.Module) -> str | None:
    """Return the name of a parameter that is not finite, or buffer of NaN.

    A buffer may be infinite: masks of attention are.
    """
    model = unwrapped(model)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if not is_finite(value):
                return name
        for name, value in model.named_buffers():
            if value.isnan().any():
                return name
    return None


def check_numbers(cfg: Mapping[str, Any]) -> None:
    """Refuse numbers of a config that no training can use.

    Raises:
        ValueError: NaN or infinity; the sentence has the key.
    """
    for key in LEARNING:
        for place, number in _numbers(key, cfg.get(key)):
            name = place.rpartition('.')[-1]
            # What counts are the float32 that it becomes.
            if not abs(number) <= LARGEST and name not in MAY_BE_INFINITE:
                raise ValueError(
                    f'`{place}` takes a finite number, got {number}'
                )


def _numbers(place: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield all fractions with their dotted keys."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(f'{place}.{key}', inner)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _numbers(f'{place}.{index}', inner)
    elif isinstance(value, float):
        yield place, value


def _images(data_batch: Any) -> list[str]:
    """Return what the images of a batch are called."""
    samples = (data_batch or {}).get('data_samples', [])
    metas = [sample.metainfo for sample in samples]
    return [str(m.get('img_path') or m.get('sample_idx')) for m in metas]


def _last_good(runner: Runner) -> str:
    """Return what to say of the checkpoint written last."""
    path = runner.message_hub.runtime_info.get('last_ckpt')
    if path is None:
        return 'no checkpoint was written'
    return f'the last good checkpoint is {str(path)!r}'
