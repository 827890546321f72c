"""Two views of one feature: a map and a sequence of tokens."""

from torch import Tensor


def map_to_tokens(x: Tensor) -> Tensor:
    """(n, c, h, w) -> (n, h w, c), a view of a channels-last map."""
    return x.flatten(2).transpose(1, 2)


def tokens_to_map(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, h w, c) -> (n, c, h, w), a channels-last view of the tokens."""
    return x.transpose(1, 2).unflatten(2, size)
