"""The metric: one confusion matrix per combination."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmseg.registry import METRICS
from torch import Tensor

from ..values import listed, void_label
from .batches import is_complete
from .calibration import BINS, confidence_of, count_confidence
from .confusion import (
    check_rule,
    class_iou,
    confusion_matrix,
    mean_over_classes,
)
from .images import IMAGES_FILE, ImageScores
from .measures import check_missing_rate
from .render import check_writable, class_table, summary_table, write_report
from .report import Report
from .scores import CombinationScores

# More columns than this do not fit a terminal; the CSV has them all.
MAX_CLASS_COLUMNS = 7
MEANS = ('mIoU_missing', 'mIoU_mean', 'mIoU_worst')


@METRICS.register_module()
class CombinationIoUMetric(BaseMetric):
    """MIoU, mF1, mAcc, aAcc and per-class IoU of every combination.

    Where a report is written, predictions with ``pred_confidence`` or scores
    of the classes (``seg_logits``) tell how well these are calibrated, too.

    A sample belongs to the combination that its metainfo ``combination``
    names (``CombinationTestLoop`` writes it), else to ``full``. What the
    tables state comes from the data set's metainfo: ``classes``, ``split``,
    and from the loop ``modalities``, ``sensors``, ``combinations`` and
    ``fill``.

    Args:
        iou_rule: ``mmseg`` or ``cmnext``, see :func:`mean_over_classes`.
        missing_rates: p of each E(p).
        ignore_index: Label of pixels that are not counted; 255, as
            everywhere.
        out_dir: Folder for report.json, report.csv, report.png and
            images.csv, the mIoU of every image.
        prefix: Put before the names of the results.
        base: report.json of the same network without adapters, or its
            folder; then the results say what was won back.

    Attributes:
        report: The :class:`Report` of the last evaluation.
        pooled: Its scores of all samples together, whatever they had.
        images: Its scores of single images.

    Raises:
        OSError: ``out_dir`` cannot be written, or ``base`` not be read.
        TypeError: a value of a wrong kind.
        ValueError: unknown rule, a missing rate outside [0, 1), or a base
            that was scored by another rule.
    """

    default_prefix = ''
    # Others are run once per combination by the loops.
    knows_combinations = True
    # Loops then find masks without resizing the logits of all classes.
    needs_logits = False

    def __init__(
        self,
        iou_rule: str = 'mmseg',
        missing_rates: Sequence[float] = (0.2, 0.1, 0.05),
        ignore_index: int = 255,
        out_dir: str | None = None,
        prefix: str | None = None,
        base: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        self.iou_rule = check_rule(iou_rule)
        rates = listed('missing_rates', missing_rates)
        self.missing_rates = tuple(map(check_missing_rate, rates))
        self.ignore_index = void_label(
            'test_evaluator.ignore_index', ignore_index
        )
        self.out_dir = out_dir and check_writable(out_dir)
        self.base = base and _read_base(base, self.iou_rule)
        self.report: Report | None = None
        self.pooled: CombinationScores | None = None
        self.images = ImageScores()
        self._forget()

    def _forget(self) -> None:
        """Begin to count."""
        self._images: dict[str, int] = {}
        self._matrices: dict[str, Tensor] = {}
        self._confidence: dict[str, Tensor] = {}
        self._singly = ImageScores()

    @property
    def calibrates(self) -> bool:
        """Whether it counts how sure the network is: for a report alone."""
        return bool(self.out_dir)

    def process(
        self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Count the pixels of a batch.

        Args:
            data_batch: Unused.
            data_samples: Dicts with ``pred_sem_seg`` and ``gt_sem_seg``,
                each with ``data`` (1, H, W), and maybe ``combination``.

        Raises:
            ValueError: no classes, no label, a label that is no class, or
                an incomplete sample that no combination is named for.
        """
        for sample in data_samples:
            name = sample.get('combination', 'full')
            if name == 'full':
                _check_complete(sample)
            matrix = self._count(sample)
            self._images[name] = self._images.get(name, 0) + 1
            self._matrices[name] = self._matrices.get(name, 0) + matrix
            self._add_confidence(name, sample)
            self._add_image(name, sample, matrix)

    def evaluate(self, size: int) -> dict[str, float]:
        """Sum over ranks, log the tables, write the files, start anew.

        Args:
            size: Number of samples of the data set.

        Returns:
            ``mIoU_missing`` (the mean over what misses something; it comes
            first, because ``save_best='auto'`` watches the first and
            adaptation cannot move the full combination),
            ``mIoU/<combination>`` for each, ``mIoU_mean``, ``mIoU_worst``,
            where every combination was scored ``E(<p>)``, and where the base
            is known ``won_back``.

        Raises:
            ValueError: nothing was scored, or samples were scored twice.
        """
        images, matrices, confidence = self._sum_over_ranks()
        self.images = ImageScores().join(all_gather_object(self._singly))
        self._forget()
        self._check_counts(images, size)
        self._warn_one_class(sum(matrices.values()))
        self.report = self._build_report(images, matrices, confidence)
        self.pooled = CombinationScores.from_matrix(
            'all', sum(images.values()), sum(matrices.values())
        )
        if is_main_process():
            self._publish(self.report)
        prefix = f'{self.prefix}/' if self.prefix else ''
        return {
            prefix + key: score
            for key, score in self.compute_metrics(self.report).items()
        }

    def gives(self, key: str) -> bool:
        """Say whether a result may be called ``key``."""
        start = f'{self.prefix}/' if self.prefix else ''
        kind, _, name = key.removeprefix(start).partition('/')
        known = (self.dataset_meta or {}).get('combinations', [name])
        return key.startswith(start) and (
            name in known
            if kind == 'mIoU'
            else kind in (*MEANS, *(f'E({p})' for p in self.missing_rates))
            or (kind == 'won_back' and self.base is not None)
        )

    def compute_metrics(self, results: Report) -> dict[str, float]:
        """Return the report's numbers under flat names."""
        won = results.mean_won_back
        return {
            'mIoU_missing': results.mean_missing,
            **{f'mIoU/{name}': v for name, v in results.miou.items()},
            'mIoU_mean': results.mean,
            'mIoU_worst': results.miou[results.worst],
            **{f'E({p})': v for p, v in results.expected.items()},
            **({} if won is None else {'won_back': won}),
        }

    @property
    def _meta(self) -> Mapping[str, Any]:
        """The data set's metainfo with its classes, checked."""
        if not (self.dataset_meta or {}).get('classes'):
            raise ValueError(
                'CombinationIoUMetric needs the names of the classes; give '
                '`metainfo=dict(classes=...)` to the data set'
            )
        return self.dataset_meta

    def _count(self, sample: Mapping[str, Any]) -> Tensor:
        """Return the sample's (K, K) matrix on the CPU."""
        source = _source(sample)
        if 'gt_sem_seg' not in sample:
            raise ValueError(
                f'{source}: no label (`gt_sem_seg`); load it in the pipeline '
                'of this data set'
            )
        if sample.get('flip') and sample.get('label_flipped'):
            raise ValueError(
                f'{source}: its label is mirrored, but predictions are '
                'mirrored back; in a pipeline for tests `LoadLabel` comes '
                'after RandomFlipModalities'
            )
        try:
            return confusion_matrix(
                sample['pred_sem_seg']['data'].squeeze(0),
                sample['gt_sem_seg']['data'].squeeze(0),
                len(self._meta['classes']),
                self.ignore_index,
            ).cpu()
        except ValueError as error:
            raise ValueError(f'{source}: {error}') from error

    def _add_image(
        self, name: str, sample: Mapping[str, Any], matrix: Tensor
    ) -> None:
        """Keep the score of an image that has a labelled pixel."""
        if matrix.any():
            self._singly.add(
                name,
                sample.get('sample_idx', -1),
                sample.get('img_path', ''),
                mean_over_classes(class_iou(matrix), 'mmseg'),
            )

    def _add_confidence(self, name: str, sample: Mapping[str, Any]) -> None:
        """Count how sure the network was, where it says so."""
        pred = sample['pred_sem_seg']['data'].squeeze(0)
        if not self.calibrates:
            return
        if 'pred_confidence' in sample:
            sure = sample['pred_confidence']['data'].squeeze(0)
        elif 'seg_logits' in sample:
            sure = confidence_of(sample['seg_logits']['data'], pred)
        else:
            return
        target = sample['gt_sem_seg']['data'].squeeze(0)
        counts = count_confidence(sure, pred, target, self.ignore_index).cpu()
        self._confidence[name] = self._confidence.get(name, 0) + counts

    def _sum_over_ranks(
        self,
    ) -> tuple[dict[str, int], dict[str, Tensor], dict[str, Tensor]]:
        """Return images, matrices and confidence by combination.

        They are the same on all ranks.

        Ranks may have met different combinations, so names travel first.
        """
        met = all_gather_object(list(self._images))
        names = sorted({name for names in met for name in names})
        if not names:
            return {}, {}, {}
        num_classes = len(self._meta['classes'])
        zero = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        images = torch.tensor([self._images.get(n, 0) for n in names])
        matrices = torch.stack([self._matrices.get(n, zero) for n in names])
        none = torch.zeros(3, BINS, dtype=torch.int64)
        sure = torch.stack([self._confidence.get(n, none) for n in names])
        for counts in (images, matrices, sure):
            all_reduce(counts)
        return (
            dict(zip(names, images.tolist(), strict=True)),
            dict(zip(names, matrices, strict=True)),
            dict(zip(names, sure, strict=True)),
        )

    def _check_counts(self, images: Mapping[str, int], size: int) -> None:
        if not images:
            raise ValueError(
                'no sample was scored; check the data set and `present`'
            )
        if max(images.values()) > size:
            raise ValueError(
                f'{max(images.values())} samples were scored but the data '
                f'set has {size}; set `sampler=dict(..., round_up=False)` in '
                'the dataloader'
            )

    def _build_report(
        self,
        images: Mapping[str, int],
        matrices: Mapping[str, Tensor],
        confidence: Mapping[str, Tensor],
    ) -> Report:
        meta = self._meta
        asked = meta.get('combinations', matrices)
        self._warn_unscored([n for n in asked if n not in matrices])
        report = Report(
            modalities=tuple(meta.get('modalities', ())),
            classes=tuple(meta['classes']),
            rule=self.iou_rule,
            fill=meta.get('fill', 'unknown'),
            split=meta.get('split', 'unknown'),
            missing_rates=self.missing_rates,
            combinations=tuple(
                CombinationScores.from_matrix(
                    n, images[n], matrices[n], confidence[n]
                )
                for n in asked
                if n in matrices
            ),
            condition=meta.get('condition', ''),
            sensors=tuple(meta.get('sensors', ())),
        )
        return self._against_base(report)

    def _against_base(self, report: Report) -> Report:
        """Return a report that knows its base, where they were scored alike.

        What was scored is never lost for a base that does not fit.
        """
        if self.base is None:
            return report
        try:
            return report.against(self.base)
        except ValueError as error:
            _warn(f'what was won back is not known: {error}')
            return report

    def _warn_unscored(self, names: Sequence[str]) -> None:
        if names:
            _warn(f'not scored, because no sample has it: {", ".join(names)}')

    def _warn_one_class(self, matrix: Tensor) -> None:
        """Say that nothing was told apart, however high the scores."""
        there = matrix.sum(1).nonzero().flatten().tolist()
        if len(there) == 1 < len(matrix):
            _warn(
                'all labels hold one class, '
                f'{self._meta["classes"][there[0]]!r}, so that the scores '
                'say nothing; check them with mmseg-missing check'
            )

    def _publish(self, report: Report) -> None:
        """Log the tables and write the files."""
        tables = [summary_table(report)]
        if len(report.combinations) <= MAX_CLASS_COLUMNS:
            tables.insert(0, class_table(report))
        for table in tables:
            print_log(f'\n{table}', logger='current')
        if self.out_dir:
            write_report(report, self.out_dir)
            table = self.images.to_csv()
            (self.out_dir / IMAGES_FILE).write_text(table, encoding='utf-8')


def _warn(message: str) -> None:
    print_log(message, logger='current', level=logging.WARNING)


def _read_base(path: str | Path, rule: str) -> Report:
    """Read the report of a base, which follows the same rule."""
    if not isinstance(path, (str, Path)):
        raise TypeError(f'`test_evaluator.base` takes a path, got {path!r}')
    report = Report.read(path)
    if report.rule != rule:
        raise ValueError(
            f"the base's report in '{path}' is by the rule {report.rule!r}, "
            f'not by {rule!r}; score it again, or set '
            '`test_evaluator.iou_rule`'
        )
    return report


def _source(sample: Mapping[str, Any]) -> str:
    return sample.get('seg_map_path', 'a sample')


def _check_complete(sample: Mapping[str, Any]) -> None:
    """Refuse an incomplete sample that would count as a full one."""
    if not is_complete(sample):
        raise ValueError(
            f'{_source(sample)} misses a modality and would count as a full '
            "one; set `test_cfg.type` to 'CombinationTestLoop' (`val_cfg`: "
            "'CombinationValLoop')"
        )
