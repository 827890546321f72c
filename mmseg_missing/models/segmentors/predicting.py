"""What a segmentor predicts of absent modalities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...adapters import AdapterBank
from ...context import telling
from ...external import EXTERNAL, Network, check_network
from ...fill import is_predicted, usual
from ...present import keys
from ...values import naming, part, settings
from ..imputers import FeatureImputer, FillGenerator, Hidden

INPUT, FEATURES = 'input', 'features'  # names of predictors
# Short names of generators.
GENERATORS = {
    'linear': 'LinearGenerator',
    'conv': 'ConvGenerator',
    'unet': 'UNetGenerator',
}


def add_imputer(
    segmentor: nn.Module,
    banks: Sequence[AdapterBank],
    config: Mapping[str, Any] | None,
) -> None:
    """Let the bank train a predictor of features, if the config has one.

    Raises:
        ValueError: no adapters with which it trains and whose file keeps it,
            or a backbone whose streams see each other before their end.
    """
    if config is None:
        return
    given = {'type': 'FeatureImputer', **settings('model.imputer', config)}
    if not banks:
        raise ValueError(
            '`model.imputer` trains with adapters and lies in their file; '
            'set `model.adapter`'
        )
    imputer = build_imputer(segmentor, given)
    if targets_of(segmentor) and not imputer.residual:
        raise ValueError(
            '`model.imputer` stands in for whole streams, so nobody sees what '
            "fill 'predicted' makes of their input; set "
            "`model.imputer.residual=True`, or `model.fill='zero'`"
        )
    # Files state what was left to its default, which may change.
    sizes = {'rank': imputer.rank, 'prompts': imputer.prompts}
    if imputer.residual:
        sizes['residual'] = True
    banks[0].predict(
        FEATURES, imputer, {'type': type(imputer).__name__, **sizes}
    )


def add_generator(
    segmentor: nn.Module,
    banks: Sequence[AdapterBank],
    config: str | Mapping[str, Any] | None,
) -> None:
    """Let the bank train what predicts inputs, where a fill asks for it.

    Raises:
        ValueError: one without the other, or no adapters with which it
            trains and whose file keeps it.
    """
    targets = targets_of(segmentor)
    is_asked = targets or config is not None
    if not is_asked or find_predictor(segmentor, banks, INPUT) is not None:
        return
    generator = build_generator(segmentor, config)
    if not (targets or generator.holes or generator.recovers):
        raise ValueError(
            "`model.generator` predicts modalities whose fill is 'predicted'; "
            "set `model.fill='predicted'`, or leave it out"
        )
    if not banks:
        raise ValueError(
            'what predicts learns with adapters or with the whole network; '
            'set `model.adapter` or `model.completion`, or another '
            '`model.fill` and no `model.generator`'
        )
    sizes = {
        key: getattr(generator, key)
        for key in ('scale', 'hidden', 'widths', 'holes', 'recovers')
        if getattr(generator, key, None)
    }
    stated = {'type': type(generator).__name__, **sizes}
    banks[0].predict(INPUT, generator, stated)


def build_generator(
    segmentor: nn.Module, config: str | Mapping[str, Any] | None
) -> FillGenerator:
    """Return what predicts the inputs of a segmentor's modalities."""
    given = 'conv' if config is None else config
    if isinstance(given, str):
        given = {'type': GENERATORS.get(given, given)}
    given = part('model.generator', given)
    if 'stack' in given:
        raise ValueError(
            '`model.generator` is built for `model.stack`; leave its `stack` '
            'out'
        )
    with naming('model.generator'):
        generator = MODELS.build({**given, 'stack': segmentor.stack})
    if not isinstance(generator, FillGenerator):
        raise ValueError(
            f'`model.generator` takes {", ".join(GENERATORS)}, or a dict of a '
            f'FillGenerator, got {config!r}'
        )
    if generator.stack != segmentor.stack:
        raise ValueError(
            f'`model.generator` {type(generator).__name__} is for '
            f'{generator.stack.full}, `model.stack` has '
            f'{segmentor.stack.full}; let it pass on the stack that it gets'
        )
    generator.targets = targets_of(segmentor)
    # Convolutions of so few channels take half the time so.
    return generator.to(memory_format=torch.channels_last)


def targets_of(segmentor: nn.Module) -> tuple[str, ...]:
    """Return the modalities whose fill is predicted."""
    return tuple(n for n, fill in segmentor.fill.items() if is_predicted(fill))


def build_networks(
    words: Mapping[str, str], fill: str | Mapping[str, Any]
) -> dict[str, Network]:
    """Return the networks of somebody's own that fill modalities, frozen.

    Args:
        words: The fill of each modality.
        fill: As in a config: dicts that ``MODELS`` builds, or callables.

    Raises:
        ValueError: one that is named and not there, or cannot be built.
    """
    names = [name for name, word in words.items() if usual(word) == EXTERNAL]
    return {
        name: _build_network(
            name, fill[name] if isinstance(fill, Mapping) else fill
        )
        for name in names
    }


def _build_network(name: str, given: Any) -> Network:
    key, network = f'model.fill.{name}', given
    if isinstance(given, Mapping):
        with naming(key):
            network = MODELS.build(part(key, given))
    check_network(name, network)
    if isinstance(network, nn.Module):
        if isinstance(given, Mapping) and isinstance(network, BaseModule):
            network.init_weights()  # as `init_cfg` says; no Runner comes by
        network.requires_grad_(False).eval()
    return network


def build_imputer(
    segmentor: nn.Module, config: Mapping[str, Any]
) -> FeatureImputer:
    """Return the predictor for the streams of a segmentor's backbone.

    Raises:
        ValueError: see :func:`add_imputer`.
    """
    backbone: BaseModule = segmentor.backbone
    if not hasattr(backbone, 'stream_levels'):
        raise ValueError(
            f'the streams of {type(backbone).__name__} see each other from '
            'the first level on, so none can be predicted as a whole; take '
            '`MultiStreamBackbone`, or leave `model.imputer` out and set '
            "`model.fill='predicted'`"
        )
    own = {
        'channels': stream_channels(backbone),
        'num_streams': len(segmentor.stack),
    }
    if set(own) & set(config):
        raise ValueError(
            '`model.imputer` gets `channels` and `num_streams` of the '
            f'streams, got {config!r}; leave them out'
        )
    with naming('model.imputer'):
        imputer = MODELS.build({**config, **own})
    if not isinstance(imputer, FeatureImputer):
        raise ValueError(
            '`model.imputer` takes a dict of a FeatureImputer, got '
            f'{config["type"]}'
        )
    return imputer


def add_folded(
    segmentor: nn.Module, configs: Mapping[str, Mapping[str, Any]]
) -> None:
    """Give a folded network what it still predicts with.

    Raises:
        ValueError: something that this package does not predict.
    """
    strange = sorted(set(configs) - {INPUT, FEATURES})
    if strange:
        raise ValueError(
            f'`model.folded.predictors` has {strange}, which this package '
            'does not predict; fold again with mmseg-missing fold'
        )
    build = {INPUT: build_generator, FEATURES: build_imputer}
    if configs:
        segmentor.predictors = nn.ModuleDict(
            {name: build[name](segmentor, c) for name, c in configs.items()}
        )


def find_predictor(
    segmentor: nn.Module, banks: Sequence[AdapterBank], name: str
) -> Any:
    """Return what predicts input or features: of the adapters, or folded."""
    for holder in (*banks, segmentor):
        predictors = getattr(holder, 'predictors', {})
        if name in predictors:
            return predictors[name]
    return None


def stream_channels(backbone: nn.Module) -> list[int]:
    """Return the channels of a stream, per level."""
    return list(backbone.out_channels)


class Imputing:
    """What a backbone is told: which streams to run, which to predict.

    Args:
        imputer: Predicts them.
        present: (n, M) bool on the CPU.
        used: M flags, whether some sample has the modality, and
        lacking: M flags, whether some sample lacks it; default: looked up in
            `present`, which no graph can.
    """

    def __init__(
        self,
        imputer: FeatureImputer,
        present: Tensor,
        used: Sequence[bool] | None = None,
        lacking: Sequence[bool] | None = None,
    ) -> None:
        self.imputer, self.present = imputer, present
        self.used, self.lacking = used, lacking

    def __call__(
        self, run: Callable[[int], Sequence[Tensor]]
    ) -> list[list[Tensor]]:
        """Return all streams; those that no sample has do not run.

        A residual imputer adds to all of them, so they do.

        Args:
            run: Gives the levels of a stream.
        """
        used = self.used or [*map(any, zip(*keys(self.present)))]
        runs_all = self.imputer.residual
        streams = [
            run(m) if runs_all or has else None for m, has in enumerate(used)
        ]
        return self.imputer(streams, self.present, self.lacking)


@contextmanager
def comparing(
    segmentor: nn.Module,
    banks: Sequence[AdapterBank],
    inputs: Tensor,
    there: Tensor,
    shown: Tensor,
) -> Iterator[None]:
    """Tell an imputer with a loss what a step hides from the student.

    Never what a sample lacks itself.

    Args:
        segmentor: Segmentor with or without an imputer.
        banks: Banks of its adapters.
        inputs: (n, sum C, h, w), normalised.
        there: (n, M) bool on the CPU, what the samples have.
        shown: (n, M) bool, what of it the student sees.
    """
    imputer = segmentor.imputer
    if imputer is None or imputer.loss is None or not imputer.is_fitted:
        yield
        return
    hidden: dict[int, Hidden] = {}
    with ExitStack() as blocks, torch.no_grad():
        for bank in banks:
            blocks.enter_context(bank.bypassed())
        for m, is_hidden in enumerate((there & ~shown).T):
            if not is_hidden.any():
                continue
            rows = is_hidden.nonzero()[:, 0].to(inputs.device)
            [levels] = segmentor.backbone.stream_levels(inputs[rows], [m])
            hidden[m] = Hidden(rows, levels)
    with telling({imputer: hidden}):
        yield
