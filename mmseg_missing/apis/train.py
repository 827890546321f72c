"""Train what a config says: a network, or adapters on their base."""

from __future__ import annotations

from logging import LogRecord
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from ..datasets.absence import may_lack
from ..engine import check_numbers, find_checkpoint, is_first_process, locked
from ..engine.checkpoints import may_be_there, read_checkpoint
from ..engine.network import network_of
from ..startup.adapter_configs import has_adapter
from ..startup.checks import require
from ..startup.classes import check_classes, compare_classes
from ..startup.deriving import forget_pretrained
from ..startup.looking import unpredicted
from ..startup.start import (
    adapter_share,
    base_of,
    check_folder,
    check_start,
    resumes,
)
from .model import load_weights
from .runner import build_runner

# Keys of the config.
NEEDED = ('train_dataloader', 'train_cfg', 'optim_wrapper')


def check_training(cfg: Config) -> None:
    """Refuse a config that no training can use.

    Raises:
        ValueError: it lacks a section, or has a number that is not finite.
    """
    for key in NEEDED:
        require(cfg, key)
    check_numbers(cfg)


def train(cfg: Config) -> Runner:
    """Train in the config's work folder, which is locked meanwhile.

    Args:
        cfg: With ``work_dir`` and ``launcher``; ``resume`` goes on from the
            latest checkpoint there, if there is one.

    Returns:
        The Runner, at its end.

    Raises:
        ValueError: nothing for adapters to stand on, the folder of another
            network, or of a training that is running.
    """
    check_start(cfg)
    if has_adapter(cfg) and base_of(cfg):
        forget_pretrained(cfg.model)  # who has the base needs no more
    with locked(cfg.work_dir, is_first_process(cfg.launcher)):
        runner = build_runner(cfg)
        look_at(runner)
        runner.train()
    return runner


def look_at(runner: Runner) -> None:
    """Compare classes, and tell what the adapters are and stand on."""
    network = network_of(runner.model)
    dataset = runner.train_loop.dataloader.dataset
    check_classes(network, dataset)
    check_folder(runner.cfg)
    base, is_adapted = base_of(runner.cfg), has_adapter(runner.cfg)
    if is_adapted:
        runner.logger.addFilter(_is_news)
        runner.logger.info(adapter_share(network))
    elif may_lack(dataset):
        network.learns_gaps = True
    # A hook and MMEngine say what is wrong with a path.
    if resumes(runner.cfg) or not (base and may_be_there(base)):
        return
    found = read_checkpoint(base)
    classes = dataset.metainfo.get('classes') or ()
    # Where the head learns on, another number of classes is none's fault.
    learns = runner.cfg.model.get('adapter') is None
    compare_classes(found, classes, base, learns)
    if is_adapted:
        load_weights(network, found, base)
        warn_of_unpredicted(runner, network, dataset)


def _is_news(record: LogRecord) -> bool:
    """Say no to MMEngine's line for each parameter that is meant to freeze."""
    return 'is skipped since its requires_grad' not in record.getMessage()


def warn_of_unpredicted(
    runner: Runner, network: nn.Module, dataset: Dataset
) -> None:
    """Say which classes the base never predicts; adapters do not add them."""
    never = unpredicted(network, dataset) if is_main_process() else []
    if never:
        runner.logger.warning(
            f'on 16 training images the base never predicts '
            f'{", ".join(never)}, which they show; adapters hardly teach '
            'what the base does not know: train the base longer first'
        )


def what_is_left(folder: str | Path) -> str:
    """Say from where a run that was stopped goes on."""
    last = find_checkpoint(folder)
    if last is None:
        return 'no checkpoint was written yet, start it again'
    return f'--resume continues from {last}'
