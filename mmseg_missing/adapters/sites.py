"""Which layers of a network an adapter modulates."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd


@dataclass(frozen=True)
class Site:
    """A layer of the base whose output an adapter modulates.

    Args:
        name: Dotted path of the layer below the adapted network.
        kind: Class name of the layer.
        num_features: Channels of its output.
        channel_dim: Where they lie: 1 or -1.
        is_batch_major: The output's leading dimension may be a multiple of
            the batch, sample by sample (windows of Swin).
        is_kept: No later layer overwrites the output, as an in-place ReLU
            would; training then needs less memory.

    >>> site = describe_layer('stem', nn.Conv2d(4, 6, 1))
    >>> site.kind, site.num_features, site.channel_dim
    ('Conv2d', 6, 1)
    """

    name: str
    kind: str
    num_features: int
    channel_dim: int
    is_batch_major: bool = False
    is_kept: bool = False


def describe_layer(name: str, layer: nn.Module) -> Site | None:
    """Return the site that ``layer`` offers, None if it offers none.

    The channel dimension comes from the layer's kind, never from sizes. A
    norm class of one's own that subclasses a known kind states another
    position in a class attribute ``channel_dim``.
    """
    if isinstance(layer, _ConvNd):
        features, dim = layer.out_channels, 1
    elif isinstance(layer, nn.Linear):
        features, dim = layer.out_features, -1
    elif isinstance(layer, _NormBase):
        features, dim = layer.num_features, 1
    elif isinstance(layer, nn.GroupNorm):
        features, dim = layer.num_channels, 1
    elif isinstance(layer, nn.LayerNorm) and len(layer.normalized_shape) == 1:
        if type(layer) is not nn.LayerNorm and not hasattr(
            layer, 'channel_dim'
        ):
            raise ValueError(
                f'adapter site {name!r} is a {type(layer).__name__}: say '
                'where its channels lie by a class attribute `channel_dim` '
                '(1 or -1), or name other `model.adapter.sites`'
            )
        features, dim = layer.normalized_shape[0], -1
    else:
        return None
    dim = getattr(layer, 'channel_dim', dim)
    return Site(name, type(layer).__name__, features, dim)


def never_called(root: nn.Module) -> set[str]:
    """Return layers whose weights are used without calling the layer."""
    return {
        f'{name}.out_proj' if name else 'out_proj'
        for name, module in root.named_modules()
        if isinstance(module, nn.MultiheadAttention)
    }


def matches(pattern: str, name: str, key: str = 'model.adapter.sites') -> bool:
    """Say whether a full regex or a dotted suffix names ``name``."""
    exact = _exact_name(pattern)
    if exact is not None:
        return name == exact
    try:
        is_match = re.fullmatch(pattern, name) is not None
    except re.error as error:
        raise ValueError(
            f'{pattern!r} is no regular expression: {error}; check `{key}`'
        ) from error
    return is_match or name == pattern or name.endswith('.' + pattern)


def find_sites(
    root: nn.Module,
    patterns: Sequence[str] | str | None = None,
    within: Iterable[str] = (),
    batch_major: Iterable[str] = (),
    takes: Callable[[nn.Module], bool] = lambda layer: True,
) -> list[Site]:
    """Return the sites of ``root``, in the order of its modules.

    Args:
        root: The network.
        patterns: Full regexes or dotted suffixes of layer names, or a file
            of names, see :func:`read_sites`; default: every Linear, Conv and
            normalisation layer that is called as a module (the paper's
            rule).
        within: Names of children that the default is confined to (a head is
            left out this way); default: all.
        batch_major: Patterns of layers whose output holds several entries
            per sample in its leading dimension, sample by sample.
        takes: Which of these layers the method is made for.

    Raises:
        FileNotFoundError: no such file of names.
        ValueError: a pattern matches no layer, or one that adapters cannot
            modulate or that is never called as a module.

    >>> network = nn.Module()
    >>> network.conv = nn.Conv2d(4, 6, 1)
    >>> network.norm = nn.BatchNorm2d(6)
    >>> [(site.name, site.num_features) for site in find_sites(network)]
    [('conv', 6), ('norm', 6)]
    >>> [site.name for site in find_sites(network, ['norm'])]
    ['norm']
    """
    if isinstance(patterns, str):
        patterns = read_sites(patterns)

    def fits(name: str) -> bool:
        layer = layers[name]
        return describe_layer(name, layer) is not None and takes(layer)

    within, batch_major = tuple(within), tuple(batch_major)
    kept = tuple(keeping(root))
    silent = never_called(root)
    layers = dict(root.named_modules())
    _check_batch_major(root, batch_major, layers)
    if patterns is None:
        names = [n for n in layers if n not in silent and _inside(n, within)]
        names = [n for n in names if fits(n)]
    else:
        names = _named_by_user(root, list(layers), patterns, fits)
        _check_called(names, silent)
    if not names:
        raise ValueError(
            f'{type(root).__name__} has no layer that this method adapts; '
            'check `model.adapter.type` and `model.adapter.sites`'
        )
    return [_site_at(name, layers[name], batch_major, kept) for name in names]


def keeping(root: nn.Module) -> list[str]:
    """Return the names of modules that overwrite nothing they computed.

    They say so in a class attribute ``keeps_outputs = True``, for all of
    their layers.
    """
    return [
        name
        for name, module in root.named_modules()
        if getattr(module, 'keeps_outputs', False)
    ]


def exactly(name: str) -> str:
    """Return a pattern that names this layer and no other.

    >>> pattern = exactly('stem.0')
    >>> matches(pattern, 'stem.0'), matches(pattern, 'body.stem.0')
    (True, False)
    """
    return f'(?:{re.escape(name)})'


def by_name(
    patterns: Mapping[str, Any], sites: Iterable[Site]
) -> dict[str, Any]:
    """Return the same with sites in the place of patterns.

    Args:
        patterns: Values by pattern, of which the first that names a site
            counts for it.
        sites: All there are.
    """
    found = {}
    for site in sites:
        for pattern, value in patterns.items():
            if matches(pattern, site.name):
                found[exactly(site.name)] = value
                break
    return found


def is_name(pattern: str) -> bool:
    """Say whether a pattern names layers without being a regex.

    >>> is_name(exactly('stem.0')), is_name('stem.*')
    (True, False)
    """
    is_plain = re.fullmatch(r'[\w.-]+', pattern) is not None
    return is_plain or _exact_name(pattern) is not None


def _exact_name(pattern: str) -> str | None:
    """Return the name that :func:`exactly` was given."""
    if not pattern.startswith('(?:'):
        return None
    name = pattern[len('(?:') :].removesuffix(')').replace('\\', '')
    return name if pattern == exactly(name) else None


def read_sites(path: str | Path) -> list[str]:
    """Return patterns for the names in a file ``{"sites": [name, ...]}``.

    ``mmseg-missing analyze`` writes such files.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another format.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, 'sites.json')
    ...     _ = path.write_text('{"sites": ["stem"]}')
    ...     read_sites(path)
    ['(?:stem)']
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f'no file of adapter sites {str(path)!r}; '
            '`model.adapter.sites` takes a list of patterns or such a file'
        )
    try:
        names = json.loads(Path(path).read_text(encoding='utf-8'))['sites']
        if not isinstance(names, list):
            raise TypeError(f'{names!r} is no list')
        return [exactly(name) for name in names]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'{str(path)!r} is no file of adapter sites, expected '
            '{"sites": [names]}; write one with mmseg-missing analyze'
        ) from error


def _named_by_user(
    root: nn.Module,
    names: Sequence[str],
    patterns: Sequence[str],
    fits: Callable[[str], bool],
) -> list[str]:
    """Return those of ``names`` that the patterns name, all checked."""
    chosen = set()
    for pattern in patterns:
        found = [n for n in names if matches(pattern, n) and fits(n)]
        if not found:
            name = _exact_name(pattern)
            remedy = (
                'check `model.adapter.sites`'
                if name is None
                else 'give the config that this file was made for'
            )
            raise ValueError(
                f'adapter site {name or pattern!r} matched no layer of '
                f'{type(root).__name__} that this method adapts; {remedy}'
            )
        chosen.update(found)
    return [name for name in names if name in chosen]


def _check_called(names: Sequence[str], silent: Collection[str]) -> None:
    """Refuse layers that the user named and that are never called."""
    for name in sorted(names):
        if name in silent:
            raise ValueError(
                f'adapter site {name!r} is never called as a module, an '
                'adapter there would learn nothing; remove it from '
                '`model.adapter.sites`'
            )


def _check_batch_major(
    root: nn.Module, patterns: Iterable[str], names: Collection[str]
) -> None:
    for pattern in patterns:
        if not any(matches(pattern, name) for name in names):
            raise ValueError(
                f'batch-major pattern {pattern!r} matched no layer of '
                f'{type(root).__name__}; check `model.adapter.batch_major`'
            )


def _site_at(
    name: str,
    layer: nn.Module,
    batch_major: Iterable[str],
    kept: tuple[str, ...],
) -> Site:
    """Return the site of a layer, with what the network says of it."""
    site = describe_layer(name, layer)
    assert site is not None
    return replace(
        site,
        is_batch_major=any(matches(p, name) for p in batch_major),
        is_kept=bool(kept) and _inside(name, kept),
    )


def _inside(name: str, within: tuple[str, ...]) -> bool:
    return not within or any(
        not child or name == child or name.startswith(child + '.')
        for child in within
    )


def layer_named(root: nn.Module, name: str) -> nn.Module:
    """Return a layer that a folded file names.

    Raises:
        ValueError: ``root`` lacks it.
    """
    layer: Any = root
    for part in name.split('.'):
        layer = layer._modules.get(part) if layer is not None else None
    if layer is None:
        raise ValueError(
            f'{type(root).__name__} has no layer {name!r}; the folded '
            'file was made from another network'
        )
    return layer
