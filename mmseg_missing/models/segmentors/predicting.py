"""What a segmentor predicts of absent modalities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...adapters import AdapterBank
from ...values import naming, settings
from ..imputers import FeatureImputer

INPUT, FEATURES = 'input', 'features'  # names of predictors


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
    # Files state what was left to its default, which may change.
    sizes = {'rank': imputer.rank, 'prompts': imputer.prompts}
    banks[0].predict(
        FEATURES, imputer, {'type': type(imputer).__name__, **sizes}
    )


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
    with naming('model.imputer'):
        return MODELS.build(
            {
                **config,
                'channels': stream_channels(backbone),
                'num_streams': len(segmentor.stack),
            }
        )


def add_folded(
    segmentor: nn.Module, configs: Mapping[str, Mapping[str, Any]]
) -> None:
    """Give a folded network what it still predicts with.

    Raises:
        ValueError: something that this package does not predict.
    """
    strange = sorted(set(configs) - {FEATURES})
    if strange:
        raise ValueError(
            f'`model.folded.predictors` has {strange}, which this package '
            'does not predict; fold again with mmseg-missing fold'
        )
    if configs:
        segmentor.predictors = nn.ModuleDict(
            {FEATURES: build_imputer(segmentor, configs[FEATURES])}
        )


def find_imputer(
    segmentor: nn.Module, banks: Sequence[AdapterBank]
) -> FeatureImputer | None:
    """Return what predicts features: of the adapters, or folded."""
    for holder in (*banks, segmentor):
        predictors = getattr(holder, 'predictors', {})
        if FEATURES in predictors:
            return predictors[FEATURES]
    return None


def stream_channels(backbone: nn.Module) -> list[int]:
    """Return the channels of a stream, per level."""
    return list(backbone.out_channels)


class Imputing:
    """What a backbone is told: which streams to run, which to predict.

    Args:
        imputer: Predicts them.
        present: (n, M) bool on the CPU.
    """

    def __init__(self, imputer: FeatureImputer, present: Tensor) -> None:
        self.imputer, self.present = imputer, present

    def __call__(
        self, run: Callable[[int], Sequence[Tensor]]
    ) -> list[list[Tensor]]:
        """Return all streams; those that no sample has do not run.

        Args:
            run: Gives the levels of a stream.
        """
        used = self.present.any(0).tolist()
        streams = [
            run(m) if is_used else None for m, is_used in enumerate(used)
        ]
        return self.imputer(streams, self.present)
