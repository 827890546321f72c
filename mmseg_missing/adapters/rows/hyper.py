"""A small network writes the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...modality import Stack
from ...present import Key
from ...values import whole
from .image_statistics import image_statistics
from .mixed import MixedRows
from .text_vectors import text_vectors

MOST = 4096  # of rank and hidden: more would fill memory, not help


class HyperRows(MixedRows):
    """A row is a mix of ``rank`` vectors; a small network mixes.

    row = h @ basis / rank, h = W2 gelu(sum_m a_m e_m + b1) + b2, with a_m +1
    where a modality is present and -1 where it is absent. The basis starts at
    zero: so do all rows. Fewer numbers than a table where M >= 3; for two
    modalities nothing is saved.

    What the network looks at is its ``condition``. ``present``: e_m is a
    free vector per modality. ``image``: as well, and to the sum inside gelu
    comes W tanh(s), with s the mean and the standard deviation of each
    channel of what the sample really has, so that a corrupted image moves a
    row no further than tanh lets it; rows differ from sample to sample, so
    that nothing folds them. ``text``: e_m is the mean over the classes k of
    gelu(P v_mk), with given vectors v and one P for all modalities, so that
    a modality that was never missing in training has a row too.

    Args:
        stack: The modalities.
        width: Numbers in a row.
        combinations: As in :class:`Rows`; others are served too.
        rank: Vectors that are mixed.
        hidden: Width of the small network.
        condition: ``present``, ``image``, or
            ``dict(type='text', vectors={modality: (classes, size)})``; an
            adapter file says ``text:<classes>x<size>`` and holds the vectors.

    Raises:
        TypeError: ``rank`` or ``hidden`` is no whole number.
        ValueError: one of them is below 1, or another condition.

    Source: the idea of HAM, arXiv:2509.11406 (availability to weights), and
    of Zhao et al., arXiv:2406.01987, whose hyper-network is driven by CLIP's
    vectors of texts. Not known of that paper were which texts, which layers
    it writes, and how the vectors enter.

    >>> stack = Stack([dict(name=n) for n in ('rgb', 'depth', 'thermal')])
    >>> rows = HyperRows(stack, width=5, rank=2)
    >>> rows(stack.present(['rgb', 'rgb+depth'])).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        stack: Stack,
        width: int,
        combinations: Sequence[str] | None = None,
        rank: int = 8,
        hidden: int = 64,
        condition: str | Mapping[str, Any] = 'present',
    ) -> None:
        super().__init__(stack, width, combinations)
        self.rank = whole('model.adapter.rows.rank', rank, 1, MOST)
        hidden = whole('model.adapter.rows.hidden', hidden, 1, MOST)
        self.condition, vectors = _condition(condition, stack)
        self.sees_images = self.condition == 'image'
        # Raw parameters: a module here would be re-initialised by init_cfg.
        if vectors is None:
            self.w1 = nn.Parameter(torch.randn(len(stack), hidden))
        else:
            # A parameter, as all that a file holds; it never has a gradient.
            self.vectors = nn.Parameter(vectors)  # (M, classes, size)
            self.projection = nn.Parameter(
                torch.randn(vectors.shape[2], hidden)
            )
        self.b1 = nn.Parameter(torch.zeros(hidden))
        self.w2 = nn.Parameter(torch.randn(hidden, rank) / hidden**0.5)
        self.b2 = nn.Parameter(torch.zeros(rank))
        self.basis = nn.Parameter(torch.zeros(rank, width))
        if self.sees_images:
            self.w_image = nn.Parameter(
                torch.randn(2 * stack.num_channels, hidden)
            )

    def saved_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a file repeats: the usual condition says nothing."""
        saved = {**options, 'condition': self.condition}
        if self.condition == 'present':  # as files always were
            del saved['condition']
        return saved

    def served(self, seen: Tensor, asked: Tensor) -> Tensor:
        """Say whose missing modalities were missing in training, (n,).

        Texts tell of those that were never missing, too.
        """
        if self.condition.startswith('text'):
            return ~asked.all(1) & (len(seen) > 0)
        return super().served(seen, asked)

    def unique(
        self, samples: Sequence[Key], images: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return rows as :meth:`Rows.unique`, or one for each sample.

        Raises:
            ValueError: rows look at images, and none are given.
        """
        if not self.sees_images:
            return super().unique(samples)
        if images is None:
            raise ValueError(
                "rows with `condition='image'` differ from image to image: "
                'give `told(present, images=...)`; they cannot be folded, '
                "joined or written out, as those of `condition='present'` can"
            )
        rows = self.anchor.new_zeros(len(samples), self.width)
        drawn = [i for i, key in enumerate(samples) if self.has(key)]
        if drawn:
            with torch.autocast(self.anchor.device.type, enabled=False):
                found = image_statistics(images, samples, self.stack)
                index = torch.tensor(drawn, device=rows.device)
                own = self._mixed(
                    [samples[i] for i in drawn], found.to(rows)[index]
                )
            rows = rows.index_copy(0, index, own)
        return rows, None

    def compute(self, combinations: Sequence[Key]) -> Tensor:
        """Return mixes of the basis, (n, width)."""
        return self._mixed(combinations)

    def _mixed(
        self, combinations: Sequence[Key], statistics: Tensor | None = None
    ) -> Tensor:
        signs = 2 * self.b1.new_tensor(combinations) - 1
        inner = signs @ self._embeddings() + self.b1
        if statistics is not None:
            inner = inner + statistics.tanh() @ self.w_image
        h = nn.functional.gelu(inner) @ self.w2 + self.b2
        return (h / self.rank) @ self.basis

    def _embeddings(self) -> Tensor:
        """Return (M, hidden), a vector per modality."""
        if not self.condition.startswith('text'):
            return self.w1
        of_classes = self.vectors.detach() @ self.projection
        return nn.functional.gelu(of_classes).mean(1)


def _condition(
    given: str | Mapping[str, Any], stack: Stack
) -> tuple[str, Tensor | None]:
    """Return the condition as files say it, and the vectors of texts."""
    key = 'model.adapter.rows.condition'
    if isinstance(given, Mapping) and given.get('type') == 'text':
        if set(given) != {'type', 'vectors'}:
            raise ValueError(
                f'`{key}` of type text takes `file`, in plain PyTorch '
                f'`vectors`, got {sorted(set(given) - {"type"})}'
            )
        vectors = text_vectors(given['vectors'], stack)
        _, classes, size = vectors.shape
        return f'text:{classes}x{size}', vectors
    if given in ('present', 'image'):
        return str(given), None
    found = re.fullmatch('text:([0-9]{1,4})x([0-9]{1,5})', str(given))
    if found is None:
        raise ValueError(
            f"`{key}` takes 'present', 'image' or dict(type='text', "
            f"file='vectors.npz'), got {given!r}"
        )
    sizes = [whole(key, int(text), 1, 2**16) for text in found.groups()]
    return str(given), torch.zeros(len(stack), *sizes)
