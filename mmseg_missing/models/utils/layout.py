"""Two views of one feature: a map and a sequence of tokens.

Both keep the strides of channels-last memory for a batch of one too, where
`transpose` and `flatten` would leave it to chance: without them, convolution
and up-sampling copy.
"""

from torch import Tensor


def map_to_tokens(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, h w, c), a view of a channels-last map."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def tokens_to_map(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, h w, c) -> (n, c, h, w), a channels-last view of the tokens."""
    return x.unflatten(1, size).permute(0, 3, 1, 2)
