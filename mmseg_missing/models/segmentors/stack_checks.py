"""What a segmentor must share with its backbone, head and data."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from mmengine.config import ConfigDict

from ...modality import Stack
from ...values import choice, settings
from ..data_preprocessor import check_size
from ..utils.building import named_part

# Of the segmentor, and of heads that refine points.
TEST_KEYS = {
    'mode',
    'crop_size',
    'stride',
    'subdivision_steps',
    'subdivision_num_points',
    'scale_factor',
}


def check_in_channels(stack: Stack, backbone: Any) -> None:
    """Refuse a backbone that divides the stack within a modality.

    Channels that only add up, such as ``[1, 3]`` for RGB and depth, would
    run, with a part of RGB taken for depth.

    Args:
        stack: The modalities.
        backbone: Config; an ``in_channels`` that is no list (of channels, or
            of lists where modalities share a stream) is left to the backbone.

    Raises:
        ValueError: ``in_channels`` that do not fit the stack.
    """
    while isinstance(backbone, Mapping) and 'in_channels' not in backbone:
        backbone = backbone.get('backbone')
    is_config = isinstance(backbone, Mapping)
    channels = backbone['in_channels'] if is_config else None
    if not isinstance(channels, (list, tuple)):
        return
    flat = list(_flat(channels))
    if not all(isinstance(c, int) for c in flat):
        return  # the backbone says what it takes
    ends = list(accumulate(flat))
    known = list(accumulate(stack.in_channels))
    if ends[-1:] != known[-1:] or set(ends) - set(known):
        raise ValueError(
            f'`model.stack` is {stack.full} with {stack.in_channels} channels '
            f'but `model.backbone.in_channels` is {list(channels)}; list the '
            'channels of the modalities in their order'
        )


def _flat(channels: Sequence) -> Iterator[int]:
    for entry in channels:
        is_list = isinstance(entry, (list, tuple))
        yield from _flat(entry) if is_list else [entry]


def checked_test_cfg(given: Any) -> ConfigDict:
    """Return how a segmentor tests: the whole image, or by sliding.

    Raises:
        TypeError: no dict, or a size that is no pair of whole numbers.
        ValueError: another mode or key, or a step beyond the crop.
    """
    key = 'model.test_cfg'
    config = {'mode': 'whole'} if given is None else settings(key, given)
    choice(f'{key}.mode', config.get('mode'), ('whole', 'slide'))
    strange = set(config) - TEST_KEYS
    if strange:
        raise ValueError(
            f'`{key}` takes {", ".join(sorted(TEST_KEYS))}, got '
            f'{sorted(strange)}'
        )
    if config['mode'] == 'slide':
        for name in ('crop_size', 'stride'):
            check_size(f'{key}.{name}', config.get(name))
        crop, stride = config['crop_size'], config['stride']
        if any(step > side for step, side in zip(stride, crop, strict=True)):
            raise ValueError(
                f'`{key}.stride` {stride} leaves gaps between crops of '
                f'`crop_size` {crop}'
            )
    return ConfigDict(config)


def preprocessor_config(stack: Stack, given: Any) -> dict[str, Any]:
    """Return the config of a data preprocessor that knows the stack."""
    key = 'model.data_preprocessor'
    config = {'type': 'ModalityDataPreprocessor', 'stack': stack}
    return named_part(
        key, {**config, **settings(key, {} if given is None else given)}
    )


def with_named_parts(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments whose parts say their key, should they fail."""
    kwargs = dict(kwargs)
    pretrained = kwargs.pop('pretrained', None)  # an old place for it
    if pretrained is not None:
        kwargs['backbone'] = {**kwargs['backbone'], 'pretrained': pretrained}
    for name in ('backbone', 'neck'):
        if kwargs.get(name) is not None:
            kwargs[name] = named_part(f'model.{name}', kwargs[name])
    return kwargs


def check_levels(head: Any, levels: Sequence[Any]) -> None:
    """Refuse a backbone with other levels than the head was built for.

    Args:
        head: A decode head; one that takes a single level checks itself.
        levels: Levels of the backbone, (n, c, h, w) each.

    Raises:
        ValueError: other channels, or too few levels.
    """
    wanted, index = (
        getattr(head, key, None) for key in ('in_channels', 'in_index')
    )
    if not all(isinstance(x, (list, tuple)) for x in (wanted, index, levels)):
        return
    found = [level.shape[1] for level in levels]
    last = max(index)
    if last >= len(found) or [found[i] for i in index] != list(wanted):
        raise ValueError(
            f'`model.decode_head.in_channels` is {list(wanted)} for the '
            f'levels {list(index)}, but the backbone gives {found}; write '
            'those of the backbone'
        )


def check_names(stack: Stack, metas: Sequence[Mapping[str, Any]]) -> None:
    """Refuse samples whose channels mean something else.

    Args:
        stack: The modalities.
        metas: Metadata of the samples; ``PackModalities`` writes ``stack``.

    Raises:
        ValueError: other modalities, or another order.
    """
    for meta in metas:
        found = meta.get('stack', stack.full)
        if found != stack.full:
            raise ValueError(
                f'`model.stack` is {stack.full} but the data set delivers '
                f'{found}; give both the same `modalities`'
            )
