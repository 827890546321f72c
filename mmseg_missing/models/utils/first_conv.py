"""Make an RGB backbone, and weights made for it, take other inputs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...torch_versions import before_loading


def fit_weight(weight: Tensor, in_channels: int) -> Tensor:
    """Return a convolution's weight for another number of input channels.

    One channel gets the sum, which equals feeding it to every channel. More
    get the given ones in turn, rescaled so that the response keeps its size.

    Args:
        weight: (c_out, c_in, kh, kw).
        in_channels: Wanted number of input channels.

    Returns:
        (c_out, in_channels, kh, kw), a new tensor.

    Source: the rule of segmentation_models.pytorch (`encoders/_utils.py`).
    """
    if in_channels == 1:
        return weight.sum(1, keepdim=True)
    given = weight.shape[1]
    turn = torch.arange(in_channels, device=weight.device) % given
    return weight[:, turn] * (given / in_channels)


def fit_first_conv(backbone: nn.Module, in_channels: int) -> str:
    """Let the first convolution over RGB take ``in_channels``, in place.

    Args:
        backbone: A network over three channels.
        in_channels: Channels of its input from now on.

    Returns:
        The dotted name of that convolution.

    Raises:
        ValueError: if no convolution takes three channels.
    """
    name = first_conv(backbone)
    fit_conv(backbone.get_submodule(name), in_channels)
    return name


def fit_conv(conv: nn.Conv2d, in_channels: int) -> None:
    """Let a convolution over RGB take ``in_channels``, in place."""
    if in_channels != 3:
        conv.in_channels = in_channels
        conv.weight = nn.Parameter(
            fit_weight(conv.weight.detach(), in_channels),
            requires_grad=conv.weight.requires_grad,
        )


def first_conv(backbone: nn.Module) -> str:
    """Return the dotted name of the first convolution over RGB.

    Raises:
        ValueError: if no convolution takes three channels.
    """
    for name, module in backbone.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            return name
    raise ValueError(
        f'{type(backbone).__name__} has no convolution over 3 channels that '
        'could be fitted to a modality; leave `in_channels` out of the dict '
        'of its `backbone`'
    )


@contextmanager
def fitted_loading(convs: Iterable[nn.Conv2d]) -> Iterator[None]:
    """While open, what these convolutions load fits their input channels.

    Raises:
        ValueError: on loading weights that hold nothing for one of them,
            which mmengine would pass over in silence.
    """
    handles = [before_loading(conv, _fit_loaded) for conv in convs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _fit_loaded(conv: nn.Conv2d, state: dict, prefix: str, *_) -> None:
    key = f'{prefix}weight'
    if key not in state:
        raise ValueError(
            f'the pretrained weights hold no {key!r}, the first layer of the '
            'backbone; convert them with `mmseg-missing convert` or name '
            'the part to load in `init_cfg.prefix`'
        )
    state[key] = fit_weight(state[key], conv.in_channels)
