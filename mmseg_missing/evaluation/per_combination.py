"""Metrics that do not know combinations, run once for each."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..values import VOID, void_label

# Attributes of MMSegmentation's and MMEngine's metrics that say where they
# write: a folder, and a file.
FOLDER, FILE = 'output_dir', 'out_file_path'


class PerCombination:
    """Copies of one metric, each for one combination.

    Results are called ``<combination>/<name>``; what the metric writes goes
    to ``<output_dir>/<condition>/<combination>``, the condition only where
    there is one.

    Args:
        metric: One that takes all samples for one data set, such as
            ``IoUMetric``; it stays as it is.
        combinations: In order; the full one comes last in the results, for
            ``save_best='auto'`` watches the first, which adaptation should
            be able to move.
        full: The full combination.

    Raises:
        ValueError: its ``ignore_index`` is not the label of void pixels.
    """

    knows_combinations = True

    def __init__(
        self, metric: BaseMetric, combinations: Sequence[str], full: str
    ) -> None:
        void_label(
            'test_evaluator.ignore_index',
            getattr(metric, 'ignore_index', VOID),
        )
        self.metric = metric
        self.copies = {
            name: copy.deepcopy(metric)
            for name in sorted(combinations, key=lambda name: name == full)
        }
        self._images = dict.fromkeys(self.copies, 0)

    @property
    def dataset_meta(self) -> Mapping[str, Any] | None:
        """Metainfo of the data set, and what the loop adds to it."""
        return self.metric.dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, meta: Mapping[str, Any] | None) -> None:
        self.metric.dataset_meta = meta
        condition = (meta or {}).get('condition', '')
        for name, part in self.copies.items():
            part.dataset_meta = meta
            _place(part, self.metric, Path(condition, name))

    def gives(self, key: str) -> bool:
        """Say whether a result may be called ``key``."""
        return key.partition('/')[0] in self.copies

    def process(
        self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Give each sample to the copy for its ``combination``."""
        for name in dict.fromkeys(s['combination'] for s in data_samples):
            chosen = [s for s in data_samples if s['combination'] == name]
            self.copies[name].process(data_batch, chosen)
            self._images[name] += len(chosen)

    def evaluate(self, size: int) -> dict[str, Any]:
        """Evaluate every copy that some rank gave samples to.

        Args:
            size: Number of samples of the data set.
        """
        results = {}
        met = all_gather_object(self._images)
        for name, part in self.copies.items():
            if not any(images[name] for images in met):
                continue
            print_log(f'{type(part).__name__}, {name}:', logger='current')
            for key, value in part.evaluate(size).items():
                results[f'{name}/{key}'] = value
        self._images = dict.fromkeys(self.copies, 0)
        return results


def per_combination(
    metrics: Sequence[BaseMetric], combinations: Sequence[str], full: str
) -> list[BaseMetric | PerCombination]:
    """Return the metrics, with copies of those that know no combinations.

    A metric with a true attribute ``knows_combinations`` stays.
    """
    return [
        metric
        if getattr(metric, 'knows_combinations', False)
        else PerCombination(metric, combinations, full)
        for metric in metrics
    ]


def needs_logits(metric: BaseMetric | PerCombination) -> bool:
    """Say whether a metric may look at more than masks.

    MMSegmentation's own do not, nor does one whose class says
    ``needs_logits = False``; what it says holds for no subclass.
    """
    if isinstance(metric, PerCombination):
        metric = metric.metric
    kind = type(metric)
    is_known = kind.__module__.startswith('mmseg.evaluation.')
    return vars(kind).get('needs_logits', not is_known)


def _place(part: BaseMetric, metric: BaseMetric, below: Path) -> None:
    """Let a copy write below where the metric would."""
    folder = getattr(metric, FOLDER, None)
    if folder:
        place = Path(folder, below)
        place.mkdir(parents=True, exist_ok=True)
        setattr(part, FOLDER, str(place))
    file = getattr(metric, FILE, None)
    if file:
        place = Path(file).parent / below
        place.mkdir(parents=True, exist_ok=True)
        setattr(part, FILE, str(place / Path(file).name))
