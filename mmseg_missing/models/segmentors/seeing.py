"""What a network sees of its samples, and what its parts are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from ...adapters import AdapterBank, adapted
from ...context import telling
from ...fill import fill_absent
from ...modality import Stack
from ...present import keys, of_samples
from ..completion import MaskedCompletion
from ..imputers import FeatureImputer, FillGenerator
from ..utils.constant_streams import ConstantStreams
from .predicting import FEATURES, INPUT, Imputing, find_predictor, targets_of
from .small_images import explaining_sizes
from .stack_checks import check_names


class Seeing:
    """From samples and what they have to what a network runs on.

    What is absent is filled or predicted, and for one forward everybody who
    has to know it is told what is there: adapters, backbones with a method
    ``told``, an imputer, streams whose result is known already.

    Attributes:
        stack: The modalities.
        fill: What stands in for each.
        completion: What completes inputs and learns with the network.
        folded: The one combination of a folded network; None: it is none.
    """

    stack: Stack
    fill: dict[str, str]
    completion: MaskedCompletion | None
    folded: str | None
    _banks: tuple[AdapterBank, ...]
    _listeners: tuple[Any, ...]
    _constant: tuple[ConstantStreams, ...]
    _networks: dict[str, Any]
    _only: Tensor | None
    _folded_fill: Mapping[str, Any]

    def _find_parts(self) -> None:
        """Find, once, the modules that a forward tells something."""
        # A tuple keeps the banks from being registered twice.
        self._banks = tuple(root.adapters for _, root in adapted(self))
        for bank in self._banks:
            if bank.stack.names != self.stack.names:
                raise ValueError(
                    f'`model.backbone.stack` is {bank.stack.full} and '
                    f'`model.stack` {self.stack.full}; give both the same '
                    '`modalities`'
                )
        # Backbones whose computation depends on who has what.
        self._listeners = tuple(
            part
            for part in self.modules()
            if hasattr(part, 'told') and part not in self._banks
        )
        self._constant = tuple(
            part
            for part in self.modules()
            if isinstance(part, ConstantStreams)
        )

    @property
    def imputer(self) -> FeatureImputer | None:
        """What predicts features of absent streams, if anything does."""
        return find_predictor(self, self._banks, FEATURES)

    @property
    def generator(self) -> FillGenerator | None:
        """What predicts inputs of absent modalities, if anything does."""
        if self.completion is not None:
            return self.completion.generator
        return find_predictor(self, self._banks, INPUT)

    @property
    def recovers(self) -> bool:
        """Whether it can make something of a sensor that is degraded."""
        generator = self.generator
        return (generator is not None and generator.recovers) or any(
            bank.rows.sees_degraded for bank in self._banks
        )

    def _present(self, metas: Sequence[Mapping], n: int) -> Tensor:
        """Return what n samples have, (n, M) bool on the CPU.

        A folded network sees its one combination, whatever else is there.
        """
        check_names(self.stack, metas)
        present = of_samples(list(metas) or [{}] * n, self.stack)
        if self._only is None:
            return present
        lacking = present[(self._only & ~present).any(1)]
        for name in self.stack.names_of(lacking):
            raise ValueError(
                f'this network is folded for {self.folded}, a sample has '
                f'only {name}; use the unfolded one'
            )
        return self._only.expand(n, -1)

    def _learned(self, present: Tensor) -> dict[str, Any]:
        """Return the learned vectors of what some sample lacks.

        One that nobody uses stays out of the graph: its gradient is None,
        so that no optimizer moves it.
        """
        vectors = dict(self._folded_fill)
        for bank in self._banks:
            vectors.update(bank.fill_vectors)
        return {
            name: vectors[name]
            for name, there in zip(self.stack.names, present.all(0).tolist())
            if name in vectors and not there
        }

    def filled(
        self,
        inputs: Tensor,
        present: Tensor,
        metas: Sequence[Mapping],
        bare: bool = False,
    ) -> Tensor:
        """Return inputs (n, sum C, h, w) with the usual fills.

        Args: see :meth:`_seeing`.
        """
        seeds = [m.get('sample_idx', i) for i, m in enumerate(metas)]
        learned = {} if bare else self._learned(present)
        fill = {**self.fill, **self._networks}
        return fill_absent(
            inputs, present, self.stack, fill, seeds or None, learned
        )

    def completed(self, present: Tensor) -> Tensor:
        """Return what is there once ``completion`` did its work, (n, M)."""
        targets = [name in targets_of(self) for name in self.stack.names]
        return present | torch.tensor(targets, device='cpu')

    @contextmanager
    def _seeing(
        self,
        inputs: Tensor,
        present: Tensor,
        metas: Sequence[Mapping],
        degraded: Tensor | None = None,
        bare: bool = False,
    ) -> Iterator[Tensor]:
        """Give the filled inputs for one block, the adapters being told.

        Args:
            inputs: (n, sum C, h, w).
            present: (n, M) bool on the CPU.
            metas: Metadata of the samples; they give noise its seeds.
            degraded: (n, M) bool on the CPU, what of that is degraded; None:
                nothing is.
            bare: Run the base alone, with no more than it was trained for:
                adapters bypassed, zero for a fill that they learn.
        """
        filled = self.filled(inputs, present, metas, bare)
        generator = None if bare else self.generator
        ill = (
            degraded if generator is not None and generator.recovers else None
        )
        if generator is not None and generator.has_work(present, ill):
            filled = generator(filled, present, ill)
        if self.completion is not None:
            present = self.completed(present)
        with self.running_on(filled, present, bare, degraded):
            yield filled

    @contextmanager
    def unrepaired(self) -> Iterator[None]:
        """Let predictions in this block be those of the bare base."""
        with telling({self: True}):
            yield

    @contextmanager
    def running_on(
        self,
        filled: Tensor,
        present: Tensor,
        bare: bool = False,
        degraded: Tensor | None = None,
    ) -> Iterator[None]:
        """Tell everybody in this block what the samples have.

        Args:
            filled: (n, sum C, h, w), what the network sees.
            present: (n, M) bool on the CPU.
            bare: See :meth:`_seeing`.
            degraded: See :meth:`_seeing`.
        """
        is_whole = bare or all(map(all, keys(present)))
        with ExitStack() as blocks:
            for part in self._listeners:
                blocks.enter_context(part.told(present))
            for bank in self._banks:
                blocks.enter_context(
                    bank.bypassed()
                    if bare
                    else bank.told(present, degraded, filled)
                )
            imputer = None if is_whole else self.imputer
            if imputer is not None and imputer.is_fitted:
                told = Imputing(imputer, present)
                blocks.enter_context(telling({self.backbone: told}))
            # What is kept is known by what is present alone.
            is_new = bare or self.training or degraded is not None
            for streams in () if is_new else self._constant:
                blocks.enter_context(
                    streams.reusing(present, self.fill, self._banks)
                )
            blocks.enter_context(explaining_sizes(self, filled))
            yield
