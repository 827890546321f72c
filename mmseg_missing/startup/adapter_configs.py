"""Which adapters a config has, or files ask for.

What a file says of itself is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from ..adapters import METHODS, exactly, is_name, method_options
from ..models.adapting import first_entry

# By what a file predicts: the key of `model`, and who may do it.
PREDICTORS = {
    'input': (
        'generator',
        ('LinearGenerator', 'ConvGenerator', 'UNetGenerator'),
    ),
    'features': ('imputer', ('FeatureImputer',)),
}
MOST = 4096  # of a size


def has_adapter(cfg: Config) -> bool:
    """Say whether the config's model or backbone is adapted."""
    return (
        cfg.model.get('adapter') is not None
        or cfg.model.backbone.get('type') == 'AdaptedBackbone'
    )


def adapter_config(cfg: Config) -> Any:
    """Return `model.adapter` or `model.backbone.adapter`; an empty one is one.

    Of several methods the first, which says what goes for all. None: there
    are no adapters.
    """
    adapter = cfg.model.get('adapter')
    return first_entry(
        cfg.model.backbone.get('adapter') if adapter is None else adapter
    )


def adapter_of(
    found: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the `model.adapter` that takes files with this metadata.

    What they say is not trusted: of the methods only those of this package
    are taken, of the patterns only names.

    Raises:
        ValueError: a file that needs the config it was trained with.
    """
    first = found[0]
    one = [first['method'], first.get('options', {})]
    methods = first.get('methods', [one])
    for name, options in methods:
        _check_method(name, options)
    if first.get('root'):
        raise ValueError(
            f'this file adapts {first["root"]!r} alone; give the config that '
            'it was trained with'
        )
    names = [name for name, *_ in first['sites']]
    shares = first.get('shares', [[width] for *_, width in first['sites']])
    entries = [
        {
            'type': name,
            **options,
            'sites': {site: n for site, n in zip(names, numbers) if n},
        }
        for (name, options), numbers in zip(methods, zip(*shares))
    ]
    majors = [exactly(n) for n in first.get('batch_major', ())]
    entries[0].update(batch_major=majors, **rows_of(found))
    return entries if 'methods' in first else entries[0]


def rows_of(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the row mode and the combinations of these files."""
    first = found[0]
    rows = {'type': first['rows'], **first.get('row_options', {})}
    names = [name for metadata in found for name in metadata['combinations']]
    return {
        'rows': rows if len(found) == 1 else 'table',
        # Additive rows serve more than they were trained for.
        'combinations': list(dict.fromkeys(names))
        if all(metadata['rows'] == 'table' for metadata in found)
        else None,
    }


def _check_method(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what a file may not choose by itself.

    Raises:
        ValueError: a method that nobody registered, or options that it lacks
            or that name layers by patterns.
    """
    remedy = 'give the config that it was trained with'
    if name not in METHODS:
        raise ValueError(
            f'this file is for adapters of type {name!r}, which nobody '
            f'registered here; {remedy}, whose `custom_imports` brings it'
        )
    strange = sorted(set(options) - set(method_options(METHODS[name])))
    if strange:
        raise ValueError(
            f'this file has options that {name} lacks, {strange}; {remedy}'
        )
    for key, value in options.items():
        if not isinstance(value, Mapping):
            continue
        if not all(map(is_name, value)):
            raise ValueError(
                f'this file names layers by patterns in its {key}; {remedy}'
            )
        if not all(_is_finite([n]) and n > 0 for n in value.values()):
            raise ValueError(
                f'this file has something else than positive numbers in its '
                f'{key}; {remedy}'
            )


def predictors_of(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keys of `model` that take what files predict with.

    Raises:
        ValueError: something of somebody else, or sizes that cannot be.
    """
    configs = found[0].get('predictors', {})
    _check_predictors(configs)
    return {PREDICTORS[name][0]: dict(c) for name, c in configs.items()}


def _check_predictors(configs: Mapping[str, Any]) -> None:
    for name, config in configs.items():
        _, kinds = PREDICTORS.get(name, ('', ()))
        words = ('type', 'holes', 'residual', 'recovers')
        sizes = {k: v for k, v in config.items() if k not in words}
        holes = config.get('holes', {})
        if (
            config.get('type') not in kinds
            or config.get('residual', True) is not True
            or config.get('recovers', True) is not True
            or not isinstance(holes, dict)
            or not _is_finite(holes.values())
            or set(sizes) - {'rank', 'prompts', 'scale', 'hidden', 'widths'}
            or not all(map(_is_size, sizes.values()))
        ):
            raise ValueError(
                f'this file predicts {name} by something else than '
                f'{" or ".join(kinds) or "anything"} of this package; give '
                'the config that it was trained with'
            )


def _is_size(value: Any) -> bool:
    sizes = value if isinstance(value, list) else [value]
    return len(sizes) <= 3 and all(
        type(n) in (int, float) and 0 <= n <= MOST for n in sizes
    )


def check_folded(meta: Mapping[str, Any]) -> None:
    """Refuse what no folded checkpoint says.

    Raises:
        ValueError: an entry of a wrong kind.
    """
    folded = meta['folded']
    kinds = {'fill': dict, 'predictors': dict, 'combination': str}
    is_right = isinstance(folded, dict) and all(
        isinstance(value, kinds.get(key, list))
        for key, value in folded.items()
    )
    if is_right:
        names = [n for key in ('biases', 'norms') for n in folded.get(key, ())]
        vectors = folded.get('fill', {}).values()
        is_right = all(isinstance(name, str) for name in names) and all(
            isinstance(vector, list) and _is_finite(vector)
            for vector in vectors
        )
    if is_right:
        _check_predictors(folded.get('predictors', {}))
    if not (is_right and isinstance(meta.get('fill', ''), (str, dict))):
        raise ValueError(
            'this folded checkpoint is damaged: what it says of itself '
            'cannot be; fold again with mmseg-missing fold'
        )


def _is_finite(numbers: Iterable[Any]) -> bool:
    return all(type(n) in (int, float) and abs(n) < 2**63 for n in numbers)
