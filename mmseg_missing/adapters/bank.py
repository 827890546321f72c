"""The adapters of one network: their rows, and who uses which."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..context import telling, told_to
from ..modality import Stack
from ..present import Flags, Key, as_present, checked_keys, count, places
from ..torch_versions import is_compiling
from .adapter import Adapter, joined_scales
from .methods import Hybrid
from .methods.affine import keep_invertible
from .rows import ROW_MODES, parse_rows


class _Call(NamedTuple):
    """What the sites are told in one call.

    Args:
        numbers: Per site (n, width); None: not told.
        is_bypassed: The base runs alone.
    """

    numbers: tuple[Tensor, ...] | None = None
    is_bypassed: bool = False


_UNTOLD = _Call()


class AdapterBank(nn.Module):
    """All rows of a network, handed out to its sites sample by sample.

    Keys of its state: those of the rows (``rows.table.<combination>``),
    ``rows.anchor`` (always zero) and ``samples_seen``; ``fill.<modality>``
    where a fill is learned; ``predictors.<name>`` where a module predicts
    what an absent modality would have shown.

    Args:
        stack: The modalities.
        adapters: One per site, not bound yet.
        combinations: The combinations to learn; default: all that miss
            something.
        rows: Row mode, a key of ``ROW_MODES`` or ``dict(type=key, ...)``.
            Default: ``additive`` where all combinations of three modalities
            or more are learnt, ``table`` elsewhere (for two modalities both
            are the same).
        methods: What hangs on the sites, with all options, for adapter
            files; several: ``adapters`` are a :class:`Hybrid` each.
        named: The sites that the user named, none of which may stay silent.

    Raises:
        ValueError: an unknown row mode or combination.

    >>> from mmseg_missing.adapters import attach
    >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
    >>> network = nn.Module()
    >>> network.stem = nn.Conv2d(4, 6, 1)
    >>> bank = attach(network, stack)
    >>> bank.row_mode, bank.widths, bank.num_parameters
    ('table', [12], 12)
    """

    def __init__(
        self,
        stack: Stack,
        adapters: Sequence[Adapter],
        combinations: Sequence[str] | None = None,
        rows: str | Mapping[str, Any] | None = None,
        methods: Sequence[tuple[type[Adapter], Mapping[str, Any]]] = (),
        named: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.stack = stack
        self.sites = tuple(adapter.site for adapter in adapters)
        self.method, self.methods = type(adapters[0]), tuple(methods)
        self.named = frozenset(named)
        identities = []
        for slot, adapter in enumerate(adapters):
            adapter.bind(self, slot)
            identities.append(adapter.identity())
        self.widths = [len(identity) for identity in identities]
        # Of each site's numbers those of each method.
        self.shares = [
            adapter.shares if isinstance(adapter, Hybrid) else [width]
            for adapter, width in zip(adapters, self.widths)
        ]
        self.register_buffer(
            'identity', torch.cat(identities), persistent=False
        )
        self.register_buffer(
            'scales', joined_scales(adapters), persistent=False
        )
        if rows is None:
            is_plural = len(stack) > 2 and combinations is None
            rows = 'additive' if is_plural else 'table'
        self.row_mode, settings = parse_rows(rows)
        self.rows = ROW_MODES[self.row_mode](
            stack, sum(self.widths), combinations, **settings
        )
        self.row_options = self.rows.saved_options(settings)
        self.fill: nn.ParameterDict | None = None
        self.predictors = nn.ModuleDict()
        self.predictor_configs: dict[str, dict[str, Any]] = {}
        # Training samples that used each row; a row at 0 is no repair.
        self.register_buffer(
            'samples_seen', torch.zeros(len(self.rows.names), dtype=torch.long)
        )
        # Where they lie in counts over all combinations.
        where = places(self.rows.present)
        self.register_buffer('_places', where, persistent=False)
        self._warned: set[str] = set()
        self._checked: set[Key] = set()
        self._checked_at: tuple[int, int] | None = None
        # The network around; a tuple hides it from nn.Module.
        self.frozen: tuple[nn.Module, ...] = ()
        # Its parts that learn on beside the rows, by name.
        self.trainable: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """All options of the one method; of several none."""
        return dict(self.methods[0][1]) if len(self.methods) == 1 else {}

    @property
    def fill_vectors(self) -> Mapping[str, Tensor]:
        """Learned fills by modality, (C,) each; empty: none is learned."""
        return self.fill or {}

    def train(self, mode: bool = True) -> AdapterBank:
        """Set the mode of the rows; the network around stays in eval.

        Its ``train()`` comes by here last, so nothing can thaw it but
        :func:`mmseg_missing.adapters.thaw`.
        """
        super().train(mode)
        for root in self.frozen:
            root.training = False
            for part in root.children():
                if part is not self:
                    part.train(False)
            for name in self.trainable:
                root.get_submodule(name).train(mode)
        return self

    def _load_from_state_dict(self, state, prefix, *args) -> None:
        """Refuse rows of another mode, which non-strict loading drops."""
        keys = {
            f'{prefix}rows.{k}'
            for k in self.rows.stored(self.rows.names).values()
        }
        if f'{prefix}samples_seen' in state and not keys & set(state):
            raise ValueError(
                'this checkpoint has other adapter rows than '
                f'{self.row_mode!r}; set `model.adapter.rows` to the mode '
                "that it was trained with, such as 'table'"
            )
        super()._load_from_state_dict(state, prefix, *args)

    @property
    def num_parameters(self) -> int:
        """Numbers that a combination uses: its row, and what predicts."""
        shared = sum(p.numel() for p in self.predictors.parameters())
        return self.rows.width + shared

    @property
    def trained(self) -> tuple[str, ...]:
        """The combinations whose row has seen training samples."""
        seen = self.samples_seen.tolist()
        return tuple(n for n, count in zip(self.rows.names, seen) if count)

    @property
    def served(self) -> tuple[str, ...]:
        """The combinations that are repaired: trained, or put together."""
        names = self.stack.subsets()[1:]
        is_served = self._serves(self.stack.present(names))
        return tuple(compress(names, is_served.tolist()))

    def _serves(self, present: Tensor) -> Tensor:
        """Say which combinations, (n, M), are repaired: (n,) bool."""
        trained = self.rows.present[self.samples_seen.cpu() > 0]
        return self.rows.served(trained, present)

    def learn_fill(self, names: Sequence[str] | None = None) -> None:
        """Learn what stands in for absent modalities, with the rows.

        Args:
            names: Names of the modalities; default: all.
                ``fill_vectors[name]`` is (C,), in the space after
                normalisation, and starts at zero.
        """
        self.fill = nn.ParameterDict(
            [
                (name, nn.Parameter(torch.zeros(self.stack[name].channels)))
                for name in (self.stack.names if names is None else names)
            ]
        )

    def predict(
        self, name: str, module: nn.Module, config: Mapping[str, Any]
    ) -> None:
        """Train a module with the rows that predicts what is absent.

        Args:
            name: What it predicts, ``input`` or ``features``.
            module: Shared by all combinations.
            config: What builds it, for adapter files.
        """
        self.predictors[name] = module
        self.predictor_configs[name] = dict(config)

    def numbers(
        self,
        present: Tensor | Iterable[Flags],
        images: Tensor | None = None,
    ) -> Tensor:
        """Return (n, width): identity plus row, for each sample.

        Args: as :meth:`told`.
        """
        return self._numbers(checked_keys(present, self.stack), images)

    def _numbers(
        self, samples: Sequence[Key], images: Tensor | None
    ) -> Tensor:
        rows, index = self.rows.unique(samples, images)
        rows = self.rows.anchored(self.identity) + rows
        if self.scales is not None:
            rows = keep_invertible(rows, self.scales)
        return rows if index is None else rows.index_select(0, index)

    @torch.no_grad()
    def write(
        self, combination: str, numbers: Tensor, samples: int = 1
    ) -> None:
        """Set what one combination uses.

        Args:
            combination: One that has a row of its own.
            numbers: (width,), not as a difference.
            samples: How many stand behind it; 0: it counts as untrained.

        Raises:
            ValueError: the row mode has no row of its own for it.
        """
        self.rows.write(combination, numbers.to(self.identity) - self.identity)
        self.samples_seen[self.rows.names.index(combination)] = samples

    @torch.no_grad()
    def write_all(self, numbers: Mapping[str, Tensor], samples: int) -> None:
        """Set what several combinations use, or come as close as rows can.

        Args: as :meth:`write`, by combination.

        Raises:
            ValueError: the row mode cannot be set.
        """
        rows = {
            name: one.to(self.identity) - self.identity
            for name, one in numbers.items()
        }
        self.rows.write_all(rows)
        for name in rows:
            self.samples_seen[self.rows.names.index(name)] = samples

    @contextmanager
    def bypassed(self) -> Iterator[None]:
        """Let the network run as the bare base within this block."""
        with telling({self: self._call._replace(is_bypassed=True)}):
            yield

    @contextmanager
    def told(
        self,
        present: Tensor | Iterable[Flags],
        degraded: Tensor | None = None,
        images: Tensor | None = None,
    ) -> Iterator[None]:
        """Tell the sites what each sample of the coming forward has.

        Args:
            present: (n, M) flags in stack order, as a bool tensor or as
                lists.
            degraded: (n, M) bool, what of it is degraded, for rows that see
                it; None: nothing.
            images: (n, sum C, h, w), what they show, for rows that see it;
                what is absent may be anything.

        Nothing of it outlives the block, or is seen by another thread.

        Raises:
            ValueError: a sample with nothing, or a wrong number of flags; no
                images for rows that see them.

        >>> from mmseg_missing.adapters import attach
        >>> stack = Stack([dict(name='rgb'), dict(name='depth', channels=1)])
        >>> network = nn.Module()
        >>> network.stem = nn.Conv2d(4, 6, 1)
        >>> bank = attach(network, stack).train()
        >>> _ = bank.rows.table['rgb'].detach().fill_(1.0)
        >>> x = torch.ones(2, 4, 1, 1)
        >>> with bank.told(stack.present(['rgb', 'rgb+depth'])):
        ...     adapted = network.stem(x)
        ...     with bank.bypassed():
        ...         base = network.stem(x)
        >>> torch.equal(adapted[0], base[0]), torch.equal(adapted[1], base[1])
        (False, True)
        """
        samples = checked_keys(present, self.stack)
        if not (self.training or is_compiling()):
            self._warn_untrained(samples)
        if degraded is not None and self.rows.sees_degraded:
            pairs = zip(samples, degraded.tolist(), strict=True)
            samples = [
                (*has, *(p and ill for p, ill in zip(has, is_ill)))
                for has, is_ill in pairs
            ]
        numbers = self._numbers(samples, images).split(self.widths, dim=1)
        with telling({self: self._call._replace(numbers=numbers)}):
            yield

    @contextmanager
    def handing(self, numbers: Tensor) -> Iterator[None]:
        """Hand the sites the numbers of the coming forward, as they are.

        For graphs, in which a combination is known by a tensor alone.

        Args:
            numbers: (n, width), as :meth:`numbers` gives them.
        """
        parts = numbers.split(self.widths, dim=1)
        with telling({self: self._call._replace(numbers=parts)}):
            yield

    @property
    def _call(self) -> _Call:
        return told_to(self, _UNTOLD)

    @property
    def is_bypassed(self) -> bool:
        """Whether the network runs as the bare base in this call."""
        return self._call.is_bypassed

    def read(self, slot: int) -> Tensor:
        """Return (n, width of the site): what each sample uses there.

        Raises:
            RuntimeError: outside of :meth:`told`.
        """
        numbers = self._call.numbers
        if numbers is None:
            raise RuntimeError(
                'adapters were not told which modalities are present; run '
                'this network in a `MissingModalitySegmentor`, or inside '
                '`with network.adapters.told(present):`; activation '
                'checkpointing is `mmseg_missing.recomputing.recompute`'
            )
        return numbers[slot]

    def count(self, present: Tensor | Iterable[Flags]) -> Tensor:
        """Return (rows,) int64: how many samples use each row.

        Args: as :meth:`told`.
        """
        counts = count(as_present(present, self.stack))
        return self.rows_of(counts.to(self.samples_seen.device))

    def rows_of(self, counts: Tensor) -> Tensor:
        """Return (rows,), those of rows among (2^M,) of all combinations.

        Args:
            counts: As :func:`mmseg_missing.present.count` returns them.
        """
        return counts.index_select(0, self._places)

    def _warn_untrained(self, samples: Sequence[Key]) -> None:
        """Warn once of each combination that nothing repairs."""
        state = version_of(self.samples_seen)
        if state != self._checked_at:  # rows were trained or loaded since
            self._checked_at, self._checked = state, set()
        unknown = set(samples) - self._checked
        if not unknown:
            return
        self._checked |= unknown
        asked = torch.tensor([*unknown], device='cpu')
        idle = asked[~(self._serves(asked) | asked.all(1))]
        for name in sorted({*self.stack.names_of(idle)} - self._warned):
            self._warned.add(name)
            warnings.warn(
                f'the adapter row of {name!r} was never trained; the base '
                'runs unrepaired there',
                stacklevel=4,  # the caller of `with bank.told(...)`
            )


def version_of(tensor: Tensor) -> tuple[int, int]:
    """Return what changes when the numbers of a tensor do, mostly."""
    return tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version
