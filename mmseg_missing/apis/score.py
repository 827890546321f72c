"""Score a network under missing modalities: every combination at once."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner

from ..comparison import find_base
from ..engine.checkpoints import read_checkpoint
from ..engine.hooks import ProgressBarHook
from ..engine.network import network_of
from ..evaluation import (
    ConditionTable,
    Report,
    TraceTable,
    check_writable,
)
from ..evaluation.protocols import EMM, Protocol
from ..evaluation.setting import Setting
from ..fill import is_predicted, parse_fill
from ..modality import Stack
from ..reporting.pictures import Gallery
from ..startup.checks import require
from ..startup.classes import check_classes
from ..values import data_sets
from .drawing import draw_repairs
from .model import (
    AdapterFiles,
    adapter_list,
    configure,
    load_weights,
    watch_of,
)
from .runner import build_runner

# Keys of the config.
NEEDED = ('model.stack', 'test_dataloader', 'test_cfg', 'test_evaluator')
# Of progress, where no person watches.
LINES = 20


def check_scoring(cfg: Config) -> None:
    """Refuse a config that cannot be scored.

    Raises:
        ValueError: it lacks a section, or tests by another loop.
    """
    for key in NEEDED:
        require(cfg, key)
    if cfg.test_cfg.get('type', 'TestLoop') == 'TestLoop':
        raise ValueError(
            "scores of combinations need `test_cfg.type='CombinationTestLoop'`"
        )


def score(
    cfg: Config,
    checkpoint: str | Path,
    adapter: AdapterFiles = None,
    *,
    present: Sequence[str] | None = None,
    fill: str | None = None,
    tta: bool = False,
    protocol: Protocol = EMM,
    policy: str = 'trust',
    out: str | Path | None = None,
    base: str | Path | None = None,
) -> Report | ConditionTable | TraceTable:
    """Score combinations on the test split.

    Args:
        cfg: With ``work_dir`` and ``launcher``; it is kept as it is.
        checkpoint: A base, a joined or a folded one.
        adapter: Adapter file, or several for different combinations.
        present: What :meth:`Stack.choose` takes; default: what the config
            says, else every, and full where sensors fail in part.
        fill: What stands in for an absent modality; default: the one of the
            config or adapter file.
        tta: Scale and flip.
        protocol: How sensors fail, see :meth:`Protocol.parse`, or a
            :class:`~mmseg_missing.evaluation.TraceProtocol`.
        policy: What a monitor's verdicts lead to; see
            :data:`mmseg_missing.monitoring.POLICIES`.
        out: Folder for the report and how it was made, or the table of a
            protocol.
        base: Report of the same network without adapters, or its folder; the
            tables then say what was won back, and a few pictures in ``out``
            show it.

    Returns:
        The report; for another protocol than ``EMM`` its table.

    Raises:
        FileNotFoundError: no report of the base.
        ValueError: files that do not belong together, or a base where
            sensors fail in part.
    """
    cfg = copy.deepcopy(cfg)
    check_scoring(cfg)
    found = read_checkpoint(checkpoint)
    configure(cfg, found, adapter)
    choose(cfg, protocol, present, fill)
    if out:
        metric_of(cfg).out_dir = str(check_writable(out))
    if protocol != EMM:  # one table, not a report per condition
        metric_of(cfg).out_dir = None
    if base:
        know_base(cfg, base, protocol)
    if tta:
        augment(cfg)
    cfg.load_from, cfg.resume = None, False
    runner = build_runner(cfg)
    network, loader = network_of(runner.model), runner.test_loop.dataloader
    load_weights(network, found, checkpoint, adapter)
    check_classes(network, loader.dataset, found, checkpoint)
    runner.test_loop.set_watch(watch_of(network, adapter, policy))
    show_progress(runner, len(loader))
    if protocol != EMM:
        return protocol.run(runner, out)
    runner.test()
    metric = _metric_of(runner)
    if metric is None:
        return None
    if out and is_main_process():
        _describe(cfg, checkpoint, adapter).write(out)
        Gallery.forget(Path(out))
        if metric.base and not tta:
            before = metric_of(cfg).base
            draw_repairs(network, loader.dataset, before, metric.images, out)
    return metric.report


def _describe(
    cfg: Config, checkpoint: str | Path, adapter: AdapterFiles
) -> Setting:
    """Return how a test is made."""
    return Setting.here(
        config=cfg.filename,
        checkpoint=checkpoint,
        adapter=', '.join(map(str, adapter_list(adapter))) or None,
        device=torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else 'cpu',
        threads=torch.get_num_threads(),
    )


def choose(
    cfg: Config,
    protocol: Protocol = EMM,
    present: Sequence[str] | None = None,
    fill: str | None = None,
) -> None:
    """Write into a config what is scored, in place.

    Raises:
        ValueError: a fill that leaves unseen what the network predicts.
    """
    known = cfg.test_cfg.get('present')
    cfg.test_cfg.present = protocol.asks(present, known)
    if fill is None:
        return
    stack, before = Stack(cfg.model.stack), cfg.model.get('fill', 'zero')
    predicted, after = (
        {
            name
            for name, word in parse_fill(stack, f).items()
            if is_predicted(word)
        }
        for f in (before, fill)
    )
    if predicted - after:
        raise ValueError(
            f'--fill {fill} leaves unseen what this network predicts of '
            f'{", ".join(sorted(predicted - after))}; leave it out, or give '
            'predicted or predicted:<fill>'
        )
    cfg.model.fill = fill


def know_base(cfg: Config, base: str | Path, protocol: Protocol) -> None:
    """Let the metric of a config know the scores of the base, in place.

    Raises:
        FileNotFoundError: there is no report.
        ValueError: sensors fail in part, which tables show alone.
    """
    if protocol != EMM:
        raise ValueError(
            '--base says what was won back where sensors are missing; leave '
            'it out, or --protocol'
        )
    [part] = find_base(base).parts
    metric_of(cfg).base = part.folder


def augment(cfg: Config) -> None:
    """Let a config scale and flip in its test, in place.

    Raises:
        ValueError: it does not say how.
    """
    if not (cfg.get('tta_pipeline') and cfg.get('tta_model')):
        raise ValueError(
            f'--tta needs `tta_pipeline` and `tta_model` in {cfg.filename!r}'
        )
    for dataset in data_sets(cfg.test_dataloader.dataset):
        dataset.pipeline = cfg.tta_pipeline
    cfg.model = dict(cfg.tta_model, module=cfg.model)


def show_progress(runner: Runner, num_batches: int) -> None:
    """Show a bar where a person watches, else a line with the ETA."""
    has_bar = any(isinstance(hook, ProgressBarHook) for hook in runner.hooks)
    if sys.stdout.isatty() and is_main_process() and not has_bar:
        runner.register_hook(ProgressBarHook('scoring'))
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook):
            often = max(1, num_batches // LINES)
            hook.interval = min(hook.interval, often)


def metric_of(cfg: Config) -> Any:
    """Return the config of our metric, alone or among others.

    Raises:
        ValueError: there is none.
    """
    found = cfg.test_evaluator
    for metric in found if isinstance(found, list) else [found]:
        if 'CombinationIoUMetric' in str(dict(metric).get('type')):
            return metric
    raise ValueError(
        '--out, --base and --protocol need the scores of '
        "CombinationIoUMetric; add dict(type='CombinationIoUMetric') to the "
        'list `test_evaluator`'
    )


def _metric_of(runner: Runner) -> Any:
    """Return our metric; None: it is not among the others."""
    metrics = runner.test_evaluator.metrics
    return next((m for m in metrics if hasattr(m, 'report')), None)
