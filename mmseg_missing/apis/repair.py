"""Repair a trained network for missing sensors: no second config."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..adapters import adapted
from ..benchmark.variants import without_adapter
from ..engine import locked
from ..engine.checkpoints import read_checkpoint
from ..evaluation import Report, check_writable
from ..evaluation.render import pair_lines
from ..evaluation.setting import SETTING_FILE, Setting
from ..modality import Stack
from ..reporting import PAGE_FILE, write_page
from ..startup.checks import check_kinds
from ..startup.deriving import check_repairable, default_fill, derive
from ..startup.plan import (
    build_data,
    build_network,
    data_facts,
    network_facts,
    reads,
    schedule,
    writes,
)
from ..startup.showing import Show
from ..startup.start import adapter_share, count_base
from .model import configure, load_config, load_weights
from .placing import choose_places
from .score import check_scoring, metric_of
from .stages import Stamp, forget, score_stage, train_stage
from .train import check_training
from .verdict import FILES, verdict, write_results

ADAPTER, PLACES = 'adapter.safetensors', 'sites.json'


@dataclass(frozen=True)
class Repaired:
    """A network before and after its repair, and where everything lies.

    Args:
        folder: Folder of all files.
        config: Config of the adapters, derived from the base's.
        adapter: The small file that goes with the base's config and
            checkpoint.
        before: Scores of the base.
        after: Scores of the base with its adapters.
        size: Size of the adapters, in words.
        epochs: For how long they learnt, in words.
        seconds: Seconds that this took.
    """

    folder: Path
    config: Path
    adapter: Path
    before: Report
    after: Report
    size: str
    epochs: str
    seconds: float

    @property
    def summary(self) -> str:
        """What came of it, in sentences."""
        said = (
            f'{verdict(self.before, self.after)} One run of {self.epochs} '
            f'({self.seconds:.0f} s) learnt it; {self.size}.'
        )
        return '\n'.join([said, *pair_lines(self.after), *self.after.notes])


def repair(
    config: str | Path,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    fresh: bool = False,
    quiet: bool = True,
    **choices: Any,
) -> Repaired:
    """Train adapters for all combinations, and score before and after.

    What a call that was stopped has finished is not done again, and its
    training goes on where it was.

    Args:
        config: Config of the base.
        checkpoint: File of its weights.
        work_dir: For everything; default: see :func:`plan_repair`.
        fresh: Begin anew.
        quiet: Show bars instead of logs.
        **choices: See :func:`plan_repair`.

    Raises:
        ValueError: see :func:`plan_repair`; or the folder holds the repair
            of something else.
    """
    plan = plan_repair(config, checkpoint, work_dir, **choices)
    return plan.run(fresh, quiet)


def plan_repair(
    config: str | Path,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    combinations: Sequence[str] | None = None,
    budget: float | None = None,
    epochs: int | None = None,
    teacher: bool = False,
    init: str | Path | None = None,
    rows: str | None = None,
    fill: str | None = None,
    options: Mapping[str, Any] | None = None,
    show: Show | None = None,
) -> Plan:
    """Look at everything that a repair needs, and train nothing.

    Args:
        config: Config of the base.
        checkpoint: File of its weights.
        work_dir: Default: ``work_dirs/<name of the config>-repaired``.
        combinations: To learn, such as ``['rgb']``; default: all of whole
            sensors that miss something.
        budget: Share of the base's parameters that the adapters of one
            combination may have; the most important sites are adapted.
            Default: all sites.
        epochs: Default: two thirds of the base's, at least 12 and at most
            100.
        teacher: Learn from the base on all that is present as well.
        init: ``moments``, or the adapter file to start from.
        rows: A key of ``ROW_MODES``; default: as the adapter chooses.
        fill: What stands in for what is absent; default: ``predicted`` where
            the base has ``zero``, else as in the base.
        options: Keys of the derived config to override.
        show: What to show of the training while it runs.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: a config without training data, with adapters, or with
            one sensor; a checkpoint that is no base of it.
    """
    base = load_config(config)
    stack = check_repairable(base)
    check_training(base)
    found = read_checkpoint(checkpoint)
    configure(base, found)
    if base.model.get('folded'):
        raise ValueError(
            f'{str(checkpoint)!r} is folded for one combination and cannot '
            'be repaired for others; give the base'
        )
    names = _incomplete(stack, combinations)
    cfg = derive(
        *(base, checkpoint, names, epochs, teacher, init, rows),
        fill=fill or default_fill(base),
    )
    cfg.merge_from_dict(dict(options or {}))
    _check_derived(cfg, budget)
    if names is not None:
        cfg.test_cfg.present = [*names, stack.full]
    folder = work_dir or Path('work_dirs') / f'{Path(config).stem}-repaired'
    if show is not None:
        show.apply(deepcopy(cfg))  # what cannot be shown says so early
    return Plan(config, checkpoint, Path(folder), cfg, found, budget, show)


def _incomplete(
    stack: Stack, combinations: Sequence[str] | None
) -> list[str] | None:
    """Return those that miss something; None: all of whole sensors."""
    if combinations is None:
        return None
    names = [n for n in stack.choose(combinations) if n != stack.full]
    if not names:
        raise ValueError(
            f'--combinations {" ".join(combinations)} names nothing that '
            f'misses a part of {stack.full}'
        )
    return names


def _check_derived(cfg: Config, budget: float | None) -> None:
    """Refuse a derived config that cannot be trained or scored."""
    check_kinds(cfg)
    check_training(cfg)
    check_scoring(cfg)
    metric_of(cfg)
    if budget is not None and cfg.model.adapter.type != 'ScaleShift':
        raise ValueError(
            f'--budget counts the numbers of ScaleShift, not of '
            f'{cfg.model.adapter.type}; leave one of them out'
        )


class Plan:
    """What a repair is going to do.

    Args:
        config: Config of the base.
        checkpoint: Checkpoint of the base.
        folder: Folder for everything.
        cfg: Config of the adapters.
        found: What the checkpoint holds.
        budget: Share of the base's parameters for one combination.
        show: What to show of the training.

    Attributes:
        network: The base with its adapters, untrained.
        room: Numbers that the budget leaves; None: for all sites.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        folder: Path,
        cfg: Config,
        found: Mapping[str, Any],
        budget: float | None = None,
        show: Show | None = None,
    ) -> None:
        self.show = show
        self.config, self.checkpoint = str(config), str(checkpoint)
        self.folder = folder
        # By this name it is known from now on.
        name = str(self.config_file)
        self.cfg = Config(cfg.to_dict(), cfg.text, name)
        self.network = self._build(found)
        [(_, root)] = adapted(self.network)
        self.bank = root.adapters
        self.room: int | None = None
        if budget is not None:
            shared = self.bank.num_parameters - self.bank.rows.width
            room = int(budget * count_base(self.network)) - shared
            if room <= 0:
                raise ValueError(
                    f'--budget {budget:.2%} is used up by the {shared:,} '
                    'numbers that predict what is absent; give more, or '
                    '--fill zero'
                )
            self.room = room if room < self.bank.rows.width else None

    def _build(self, found: Mapping[str, Any]) -> Any:
        network = build_network(self.cfg)
        load_weights(network, found, self.checkpoint)
        return network

    def facts(self) -> Iterator[tuple[str, str]]:
        """Say what would be trained, and what would be written where."""
        yield from network_facts(self.network)
        if self.room is not None:
            yield (
                'budget',
                f'of these the most important sites, {self.room:,} numbers '
                'at most; which, training images tell',
            )
        cfg, folder = self.cfg, self.folder
        data = build_data(cfg, 'train')
        yield from data_facts(data, 'train', cfg.train_dataloader)
        rate = cfg.optim_wrapper.optimizer.lr
        yield 'training', f'{schedule(cfg)} at a learning rate of {rate:g}'
        yield 'scores', 'the test split, before and after'
        yield reads(self.config, self.checkpoint)
        names = self.config_file.name, ADAPTER, *FILES, SETTING_FILE, PAGE_FILE
        places = ['places'] if self.room is not None else []
        stages = [f'{name}/' for name in (*places, 'before', 'train', 'after')]
        yield writes(*(folder / n for n in names), *stages)

    @property
    def config_file(self) -> Path:
        """Where the config of the adapters goes."""
        return self.folder / f'{Path(self.config).stem}-repaired.py'

    def run(self, fresh: bool = False, quiet: bool = True) -> Repaired:
        """Do it; see :func:`repair`."""
        check_writable(self.folder)
        with locked(self.folder):
            if fresh:
                forget(self.folder)
            return self._run(quiet)

    def _run(self, quiet: bool) -> Repaired:
        folder, inputs = self.folder, [self.checkpoint, *self._start()]
        if self.room is not None:
            self._place(self.room)
            inputs.append(folder / 'places' / PLACES)
        plain = deepcopy(self.cfg)
        plain.model, plain.custom_hooks = without_adapter(plain.model), []
        score = partial(score_stage, plain, self.checkpoint, quiet=quiet)
        before = score(folder / 'before', 'score the base')
        trained = train_stage(
            self.cfg,
            folder / 'train',
            'train adapters',
            inputs,
            quiet,
            self.show,
        )
        self._keep()
        after = score(
            folder / 'after',
            'score the repair',
            adapter=folder / ADAPTER,
            base=folder / 'before',
        )
        repaired = Repaired(
            folder,
            self.config_file,
            folder / ADAPTER,
            before,
            after,
            adapter_share(self.network),
            schedule(self.cfg),
            trained.seconds,
        )
        write_results(folder, before, after)
        self._describe(repaired).write(folder)
        write_page([folder])
        return repaired

    def _keep(self) -> None:
        """Put what was trained, and its config, where all is found."""
        shutil.copy(self.folder / 'train' / ADAPTER, self.folder / ADAPTER)
        self.config_file.write_text(
            f'# Adapters of {self.config}, written by its repair.\n'
            f'{self.cfg.pretty_text}',
            encoding='utf-8',
        )

    def _describe(self, repaired: Repaired) -> Setting:
        """Return how a repair was made."""
        return Setting.here(
            config=self.config,
            checkpoint=self.checkpoint,
            adapter=repaired.adapter,
            epochs=repaired.epochs,
            size=repaired.size,
        )

    def _start(self) -> list[str | Path]:
        """Return the adapter file that rows start from, if it is one."""
        inits = [hook.get('init') for hook in self.cfg.custom_hooks]
        return [init for init in inits if init and Path(init).is_file()]

    def _place(self, room: int) -> None:
        """Choose the sites, and build the network that adapts them alone."""
        path = check_writable(self.folder / 'places') / PLACES
        names = self.cfg.model.adapter.get('combinations')
        of = {'room': room, 'combinations': names}
        stamp = Stamp(path.parent, of, [self.checkpoint])
        if not (path.is_file() and stamp.result()):
            choose_places(self.network, self.cfg, room, path, names)
            stamp.write({'sites': str(path)})
        self.cfg.model.adapter.sites = str(path)
        self.network = self._build(read_checkpoint(self.checkpoint))
