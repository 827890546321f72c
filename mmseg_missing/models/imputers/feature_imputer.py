"""Features of absent streams, predicted from those of the present ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...adapters.bank import version_of
from ...context import told_to
from ...present import keys
from ...values import flag, whole
from ..utils.side_losses import ask_for_loss
from .embedding_loss import EmbeddingLoss, sampled

# Cells per axis to which a map is pooled before prompts read it.
GRID = 16
# Sweeps that complete the unknown maps of a modality to itself.
SWEEPS = 20


class LevelImputer(nn.Module):
    """Predicts one level of every stream from the others.

    Features are standardised per channel by statistics that stay as they
    were measured. A narrow code h, the mean over what is there, is shared by
    all targets; read-only prompts of each target read it and add what they
    read; the features they come from are never changed.

    Args:
        channels: Channels of the level.
        num_streams: Modalities.
        rank: Width of the code.
        prompts: Per target; 0: none.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, channels: int, num_streams: int, rank: int, prompts: int
    ) -> None:
        super().__init__()
        m, c, r = num_streams, channels, rank
        self.register_buffer('mean', torch.zeros(m, c))
        self.register_buffer('std', torch.ones(m, c))
        self.enter = nn.Parameter(torch.randn(m, r, c) / c**0.5)
        self.leave = nn.Parameter(torch.zeros(m, c, r))
        self.bias = nn.Parameter(torch.zeros(m, c))
        self.mix = nn.Parameter(torch.zeros(r, 1, 3, 3))
        self.prompts = None
        if prompts:
            self.prompts = nn.Parameter(torch.randn(m, prompts, r) / r**0.5)
            self.read = nn.Parameter(torch.randn(3, r, r) / r**0.5)
            self.add = nn.Parameter(torch.zeros(m))

    def encode(self, maps: Sequence[Tensor | None], present: Tensor) -> Tensor:
        """Return the code (n, r, h, w) of what is there.

        Args:
            maps: (n, c, h, w) per stream, of absent ones anything finite;
                None for a stream that no sample has.
            present: (n, M) bool, on the device of the maps.
        """
        code: Tensor | float = 0.0
        weight = present / present.sum(1, keepdim=True)
        for m, x in enumerate(maps):
            if x is None:
                continue
            enter = self.enter[m] / self.std[m]
            shift = -(enter @ self.mean[m])
            h = F.conv2d(x, enter[:, :, None, None].to(x), shift.to(x))
            code = code + h * weight[:, m, None, None, None].to(x)
        assert isinstance(code, Tensor)
        return code + F.conv2d(
            code.relu(), self.mix.to(code), padding=1, groups=code.shape[1]
        )

    def decode(
        self, code: Tensor, m: int, is_residual: bool = False
    ) -> Tensor:
        """Return the features (n, c, h, w) of one stream.

        Args:
            code: (n, r, h, w).
            m: The stream.
            is_residual: Leave its mean out.
        """
        if self.prompts is not None:
            code = code + self.add[m].to(code) * self._prompted(code, m)
        leave = self.leave[m] * self.std[m, :, None]
        bias = self.bias[m] * self.std[m]
        if not is_residual:
            bias = bias + self.mean[m]
        return F.conv2d(code, leave[:, :, None, None].to(code), bias.to(code))

    def standardised(self, x: Tensor, m: int) -> Tensor:
        """Return features (n, c, h, w) of a stream at mean 0, deviation 1."""
        mean, std = self.mean[m, :, None, None], self.std[m, :, None, None]
        return (x - mean) / std

    def _prompted(self, code: Tensor, m: int) -> Tensor:
        """Return what the prompts of a target give each position."""
        assert self.prompts is not None
        size = [min(GRID, side) for side in code.shape[2:]]
        keys = _pooled(code, size).flatten(2).mT  # (n, N, r)
        ask, know, tell = self.read.to(code)
        scale = code.shape[1] ** -0.5
        prompts = self.prompts[m].to(code)
        heard = (prompts @ ask @ (keys @ know).mT * scale).softmax(-1)
        heard = heard @ (keys @ tell)  # (n, K, r)
        flat = code.flatten(2).mT  # (n, h w, r)
        given = (flat @ heard.mT * scale).softmax(-1) @ heard
        return given.mT.unflatten(2, code.shape[2:])

    @torch.no_grad()
    def start(self, maps: Tensor) -> None:
        """Take the code from linear maps between standardised streams.

        Args:
            maps: (M, M, c, c): ``maps[i, j]`` maps stream i to stream j;
                those from a stream to itself are not known and are completed
                to what the rank allows.
        """
        m, c = self.mean.shape
        rank = self.enter.shape[1]
        known = ~torch.eye(m, dtype=torch.bool)[:, None, :, None]
        whole_map = maps.permute(0, 2, 1, 3).double()  # (i, c, j, c)
        given = torch.where(known, whole_map, 0.0)
        for _ in range(SWEEPS):
            u, s, v = torch.linalg.svd(given.reshape(m * c, m * c))
            k = min(rank, len(s))
            u, s, v = u[:, :k], s[:k].sqrt(), v[:k]
            low = ((u * s) @ (s[:, None] * v)).view(m, c, m, c)
            given = torch.where(known, whole_map, low)
        self.enter.zero_()
        self.leave.zero_()
        self.enter[:, :k] = (u * s).view(m, c, k).mT.to(self.enter)
        leave = (s[:, None] * v).view(k, m, c).permute(1, 2, 0)
        self.leave[:, :, :k] = leave.to(self.leave)


class Hidden(NamedTuple):
    """Features that samples have and a student is not shown.

    Args:
        rows: (k,) which samples of the batch.
        levels: (k, c, h, w) each, of the frozen base.
    """

    rows: Tensor
    levels: Sequence[Tensor]


@MODELS.register_module()
class FeatureImputer(nn.Module):
    """Predicts the features of absent streams, level by level.

    Only from streams that are really there, never from its own predictions.
    What is there is handed on as it is. It starts at the best linear maps
    between streams (:func:`mmseg_missing.engine.fitting.fit_imputer`);
    before that, absent streams run on their fill.

    Args:
        channels: Per level.
        num_streams: Modalities.
        rank: Width of the code at each level, at most its channels.
        prompts: Read-only prompts per target and level; 0: none.
        residual: Add to what absent streams make of their fill instead of
            standing in for them. They run then, it starts as the base, and a
            predicted fill has something to say.
        loss: ``dict(invariance=1.0, variance=0.0, covariance=0.0)``: it also
            learns from what samples have and the student is not shown, see
            :class:`~mmseg_missing.models.imputers.EmbeddingLoss`. Default:
            from the labels alone.

    Source: after Kim and Kim, ECCV 2024, arXiv:2407.12616, whose abstract
    was known, not its formulas: a predictor in feature space, driven by
    read-only prompts, in front of late fusion.
    """

    fitted: Tensor

    def __init__(
        self,
        channels: Sequence[int],
        num_streams: int,
        rank: int = 8,
        prompts: int = 4,
        residual: bool = False,
        loss: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.loss = EmbeddingLoss.parse(loss)
        self.rank = whole('model.imputer.rank', rank, 1)
        self.prompts = whole('model.imputer.prompts', prompts, 0)
        self.residual = flag('model.imputer.residual', residual)
        self.levels = nn.ModuleList(
            LevelImputer(c, num_streams, min(rank, c), prompts)
            for c in channels
        )
        # A number, because adapter files hold nothing else.
        self.register_buffer('fitted', torch.zeros(()))
        self._known: tuple[tuple[int, int], bool] | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether its statistics were measured; before, it is not used."""
        state = version_of(self.fitted)
        if self._known is None or self._known[0] != state:
            self._known = state, bool(self.fitted)
        return self._known[1]

    def forward(
        self,
        streams: Sequence[Sequence[Tensor] | None],
        present: Tensor,
        lacking: Sequence[bool] | None = None,
    ) -> list[list[Tensor]]:
        """Return all streams, the absent ones predicted.

        Told :class:`Hidden` features, it asks for the loss against them.

        Args:
            streams: Levels (n, c, h, w) per stream, None for one that no
                sample has.
            present: (n, M) bool.
            lacking: M flags, whether some sample lacks it; default: as
                `present` says.
        """
        first = next(levels for levels in streams if levels is not None)
        there = present.to(first[0].device)
        is_lacking = lacking
        if is_lacking is None:
            is_lacking = [not all(flags) for flags in zip(*keys(present))]
        hidden: Mapping[int, Hidden] = told_to(self, {})
        filled: list[list[Tensor]] = [[] for _ in streams]
        for number, level in enumerate(self.levels):
            known = [None if s is None else s[number] for s in streams]
            code = level.encode(known, there) if any(is_lacking) else None
            for m, x in enumerate(known):
                if code is not None and is_lacking[m]:
                    found = level.decode(code, m, self.residual)
                    if self.residual:
                        assert x is not None
                        found = x + found
                    if m in hidden:
                        loss = self._loss(number, m, found, hidden[m])
                        ask_for_loss('loss_imputer', loss / len(hidden))
                    keep = there[:, m, None, None, None]
                    x = found if x is None else torch.where(keep, x, found)
                assert x is not None
                filled[m].append(x)
        return filled

    def _loss(
        self, number: int, m: int, found: Tensor, hidden: Hidden
    ) -> Tensor:
        """Return how far predictions of one level and stream are off."""
        assert self.loss is not None
        level, (rows, true) = self.levels[number], hidden
        pair = found[rows].float(), true[number].float()
        return self.loss(*sampled([level.standardised(x, m) for x in pair]))


def _pooled(code: Tensor, size: Sequence[int]) -> Tensor:
    """Return means over cells, (n, r, *size).

    ONNX has no such pooling; there it is a product of two matrices.
    """
    if not torch.onnx.is_in_onnx_export():
        return F.adaptive_avg_pool2d(code, size)
    rows, columns = (
        pooling_matrix(int(side), int(cells)).to(code)
        for side, cells in zip(code.shape[2:], size)
    )
    return rows @ code @ columns.mT


def pooling_matrix(side: int, cells: int) -> Tensor:
    """Return the means of adaptive pooling as a matrix, (cells, side)."""
    means = torch.zeros(cells, side)
    for i in range(cells):
        start, end = i * side // cells, -(-(i + 1) * side // cells)
        means[i, start:end] = 1 / (end - start)
    return means
