"""Sensors that fail more and more often while a network trains."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ...sampling import BernoulliSampler
from ...values import flag, listed, real, whole
from ..network import unwrapped

HOOK = 'MissingRateScheduleHook'


@HOOKS.register_module()
class MissingRateScheduleHook(Hook):
    """Let the rate of a ``bernoulli`` sampler run from one to another.

    It is the first rate up to ``begin``, the last from ``end`` on, and on a
    straight line in between; a resumed run has the rates of one without a
    stop.

    Args:
        rate: The first rate and the last, each in [0, 1): how probable it is
            that a sensor drops.
        begin: Epoch or iteration that has the first rate for the last time.
        end: Epoch or iteration that has the last rate for the first time;
            default: the last one of the training.
        by_epoch: Count epochs; False: iterations.

    Raises:
        TypeError: a value of another kind.
        ValueError: no two rates, a rate outside of [0, 1), an end that is
            not behind the begin, or a sampler without a rate.

    >>> hook = MissingRateScheduleHook(rate=(0.0, 0.5), begin=0, end=10)
    >>> type(hook).__name__
    'MissingRateScheduleHook'
    """

    def __init__(
        self,
        rate: Sequence[float],
        begin: int = 0,
        end: int | None = None,
        by_epoch: bool = True,
    ) -> None:
        rates = listed(f'{HOOK}.rate', rate)
        if len(rates) != 2:
            raise ValueError(
                f'`{HOOK}.rate` takes the first rate and the last, got {rate}'
            )
        self.first, self.last = (
            real(f'{HOOK}.rate', value, least=0, below=1) for value in rates
        )
        self.begin = whole(f'{HOOK}.begin', begin, 0)
        self.end = end
        if end is not None:
            self.end = whole(f'{HOOK}.end', end, self.begin + 1)
        self.by_epoch = flag(f'{HOOK}.by_epoch', by_epoch)

    def before_train(self, runner: Runner) -> None:
        """Find the sampler, and the end of the training."""
        self._sampler = getattr(unwrapped(runner.model), 'sampler', None)
        if not isinstance(self._sampler, BernoulliSampler):
            raise ValueError(
                f'`{HOOK}` changes the rate of a sampler, and '
                f'{type(self._sampler).__name__} has none; set '
                "`model.sampler` to dict(type='bernoulli')"
            )
        if self.end is None:
            most = runner.max_epochs if self.by_epoch else runner.max_iters
            self.end = max(most - 1, self.begin + 1)

    def before_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Set the rate of this step."""
        now = runner.epoch if self.by_epoch else runner.iter
        self._sampler.set_rate(self.rate_at(now))

    def rate_at(self, now: int) -> float:
        """Return the rate of an epoch or iteration, from 0 on."""
        assert self.end is not None
        share = (now - self.begin) / (self.end - self.begin)
        share = min(max(share, 0.0), 1.0)
        return self.first + share * (self.last - self.first)
