"""Activation checkpointing: the backward pass computes a part once more.

What a forward was told is over by then, so it is told again. And the older
way of torch, which asks the inputs of a part whether anything learns in it,
would leave adapters behind frozen layers without a gradient; here it is
always the newer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from .context import telling_again
from .torch_versions import is_compiling


class _Recomputing:
    """The ``forward`` of a module that keeps nothing but its inputs.

    An object, because a copy of the module then runs the copy.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        forward = type(self.module).forward
        # torch.compile chooses by itself what to compute again.
        if is_compiling() or not torch.is_grad_enabled():
            return forward(self.module, *args, **kwargs)
        return checkpoint(
            forward,
            self.module,
            *args,
            use_reentrant=False,
            context_fn=telling_again,
            **kwargs,
        )


def recompute(module: nn.Module) -> None:
    """Let ``module`` keep its inputs alone for the backward pass.

    All else is computed once more then, with the same modalities present as
    the first time: less memory, more time.
    """
    module.forward = _Recomputing(module)


def recompute_named(root: nn.Module, names: Sequence[str] | str) -> None:
    """Let parts of a network be computed again, as MMEngine's key asks.

    Args:
        root: The network.
        names: Names of modules in it.

    Raises:
        ValueError: it has no such module.
    """
    for name in [names] if isinstance(names, str) else names:
        try:
            module = root.get_submodule(name)
        except AttributeError as error:
            raise ValueError(
                f'{type(root).__name__} has no module {name!r}; check '
                '`activation_checkpointing`'
            ) from error
        recompute(module)


def recompute_flagged(root: nn.Module) -> None:
    """Take over from blocks that were built with ``with_cp=True``.

    A backbone hands that to its blocks and keeps it too, so of nested
    modules the innermost are meant.
    """
    flagged = [m for m in root.modules() if getattr(m, 'with_cp', False)]
    for module in flagged:
        inner = {m for m in module.modules() if m is not module}
        if inner.isdisjoint(flagged):
            module.with_cp = False
            recompute(module)
