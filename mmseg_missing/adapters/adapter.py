"""What every adapter method shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _global_forward_hooks

from ..products import Conv2d, Linear
from ..torch_versions import is_compiling
from .sites import Site

if TYPE_CHECKING:
    from .bank import AdapterBank

# Convolutions that do nothing else.
CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, Conv2d)
# Layers whose output is always new memory that nobody else holds.
FRESH = frozenset(
    {
        *CONVS,
        nn.Linear,
        Linear,
        nn.BatchNorm1d,
        nn.BatchNorm2d,
        nn.BatchNorm3d,
        nn.LayerNorm,
        nn.GroupNorm,
    }
)


class Call(NamedTuple):
    """What happened at a site.

    Args:
        layer: Layer that was called.
        inputs: What it got, (n, ...); None if that came by keyword.
        is_free: Nobody else holds its output, which may be overwritten.
        is_first: What comes is its output itself; another method may have
            modulated that already.
    """

    layer: nn.Module
    inputs: Tensor | None
    is_free: bool
    is_first: bool = True


class Adapter(nn.Module):
    """Modulates the output of one site with its part of each sample's row.

    It has no parameters of its own: the rows live in the bank, and
    checkpoints of the base keep their keys. A method is a subclass; what
    its ``__init__`` takes beyond site and layer are its options.

    Args:
        site: The layer it hangs on.
        layer: That layer itself; it is read, not kept.

    >>> class Gain(Adapter):  # one number for a whole site
    ...     def identity(self):
    ...         return torch.ones(1)
    ...     def modulate(self, x, numbers, call):
    ...         return x * numbers.view(-1, 1, 1, 1)
    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> attach(network, stack, Gain).num_parameters
    1
    """

    # Why a method cannot be folded, as the end of a sentence.
    unfoldable: str | None = None
    # Whether what it makes of a position depends on no other, or on those
    # alone that the layer looks at. Maps may then come in parts.
    is_local: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        # What replaces a parent's step need not be like it.
        if {'modulate', 'forward'} & own.keys() and 'is_local' not in own:
            cls.is_local = False

    def __init__(self, site: Site, layer: nn.Module) -> None:
        super().__init__()
        self.site, self.slot = site, 0
        self._bank: tuple[AdapterBank, ...] = ()

    def bind(self, bank: AdapterBank, slot: int) -> None:
        """Take part ``slot`` of the rows in ``bank``."""
        # A tuple hides the bank from nn.Module: it is registered once.
        self._bank, self.slot = (bank,), slot

    @classmethod
    def takes(cls, layer: nn.Module) -> bool:
        """Say whether the method is made for this layer."""
        return True

    @classmethod
    def default_sites(cls, root: nn.Module) -> list[str] | None:
        """Return patterns for a network without named sites; None: all."""
        return None

    @classmethod
    def check_options(
        cls, options: Mapping[str, Any], sites: Sequence[Site]
    ) -> None:
        """Refuse options that fit none of the sites."""

    def identity(self) -> Tensor:
        """Return (width,): the numbers with which the site is unchanged."""
        raise NotImplementedError

    def scales(self) -> Tensor | None:
        """Return (width,): 1 for a scale, which is kept off zero, else 0.

        Default: None, there is no scale.
        """
        return None

    def width(self) -> int:
        """Return how many numbers :meth:`identity` has.

        A method where that depends on an option tells it without taking
        room for them.
        """
        return len(self.identity())

    def modulate(self, x: Tensor, numbers: Tensor, call: Call) -> Tensor:
        """Return ``x`` modulated, in its dtype and memory layout.

        Args:
            x: (n, ...), the site's output.
            numbers: (n, width), each sample's numbers for this site.
            call: Where ``x`` comes from.
        """
        raise NotImplementedError

    def fold(self, layer: nn.Module, numbers: Tensor) -> None:
        """Write one combination's numbers into ``layer``, in place.

        Args:
            layer: The site's layer.
            numbers: (width,).
        """
        raise NotImplementedError

    def forward(self, x: Tensor, call: Call) -> Tensor:
        """Return ``x`` modulated by the rows that the bank was told.

        Args: as :meth:`modulate`.

        Raises:
            RuntimeError: the bank was not told which modalities are present.
            ValueError: the leading dimension of ``x`` is not the batch.
        """
        (bank,) = self._bank
        if bank.is_bypassed:
            return x
        numbers = bank.read(self.slot)
        if len(x) != len(numbers):
            numbers = self._spread(numbers, len(x))
        return self.modulate(x, numbers, call)

    def _spread(self, numbers: Tensor, length: int) -> Tensor:
        """Repeat each sample's numbers for its entries, sample by sample."""
        if not self.site.is_batch_major or length % len(numbers):
            raise ValueError(
                f'adapter site {self.site.name!r} gives {length} entries for '
                f'{len(numbers)} samples; leave it out of '
                '`model.adapter.sites`, or name it in '
                '`model.adapter.batch_major` if they lie sample by sample'
            )
        return numbers.repeat_interleave(length // len(numbers), dim=0)


def joined_scales(adapters: Iterable[Adapter]) -> Tensor | None:
    """Return what their ``scales`` say, side by side; None: all say None."""
    found = [(adapter, adapter.scales()) for adapter in adapters]
    if all(scales is None for _, scales in found):
        return None
    return torch.cat(
        [torch.zeros(a.width()) if s is None else s for a, s in found]
    )


def modulate(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
    """Forward hook of every site; top-level, so that deepcopy works."""
    inputs = args[0] if args else None
    return module.adapter(output, Call(module, inputs, is_free(module)))


def is_free(module: nn.Module) -> bool:
    """Say whether the output of ``module`` may be overwritten.

    That saves the memory traffic of a copy, but a hook that looks on or a
    layer that returns what it keeps still needs the old values. Frozen
    layers keep nothing of their output for backward.
    """
    return (
        not is_compiling()
        and type(module) in FRESH
        and all(hook is modulate for hook in module._forward_hooks.values())
        and not _global_forward_hooks
    )
