"""Runs of a config in processes of their own: training, then scoring."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..engine import find_checkpoint
from ..evaluation import COST_FILE, check_writable
from ..startup.config_files import find_config

DOOR = (sys.executable, '-m', 'mmseg_missing')
LOG_FILE = 'compare.log'
# What MMEngine logs about its progress, such as `Epoch(train) [3][50/100]`.
PROGRESS = re.compile(r'(?:Epoch|Iter)\(\w+\)\s+((?:\[\s*\d+/?\d*\])+)')
TAIL_BYTES = 4096
SECONDS_BETWEEN_LOOKS = 0.5


def work_folder(
    config: str | Path,
    seed: int | None = None,
    modalities: Sequence[str] = (),
) -> Path:
    """Return where a run of this config lies.

    Args:
        config: File of the config.
        seed: Seed of a run that is one of several.
        modalities: Those of a dedicated network (``--modalities``).
    """
    name = '-'.join([Path(config).stem, *modalities])
    return Path('work_dirs') / (name if seed is None else f'{name}-seed{seed}')


def is_finished(folder: Path) -> bool:
    """Say whether the run in this folder was scored."""
    places = (folder, folder / 'test')
    return any((place / 'report.json').is_file() for place in places)


def train_and_test(
    config: str | Path,
    seed: int | None = None,
    say: Callable[[str], None] = lambda text: None,
    door: Sequence[str | Path] = DOOR,
) -> None:
    """Train a config to the end and score every combination.

    What its work folder already holds is not done again. What the processes
    print goes to ``compare.log`` there.

    Args:
        config: Config, by name or path.
        seed: Seed of the run, and in its folder's name; None: the config's
            own.
        say: Called with a line about the progress, again and again.
        door: The command that takes the verbs ``train`` and ``test``.

    Raises:
        FileNotFoundError: no such config.
        ValueError: a process that failed, with its last words.
    """
    config = find_config(config)
    work = check_writable(work_folder(config, seed))
    options = [f'randomness.seed={seed}'] if seed is not None else []
    shared = ['--cfg-options', *options] if options else []
    if not (work / COST_FILE).is_file():
        command = [*door, 'train', config, '--resume']
        command += ['--work-dir', work, *shared]
        _run(command, work, lambda text: say(f'training {work.name} {text}'))
    out = work / 'test'
    command = [*door, 'test', config, _last_checkpoint(work)]
    command += ['--work-dir', out, '--out', out, *shared]
    _run(command, work, lambda text: say(f'testing {work.name} {text}'))


def _run(
    command: Sequence[str | Path], folder: Path, say: Callable[[str], None]
) -> None:
    """Run a verb; its output goes to the log."""
    log = folder / LOG_FILE
    with log.open('a', encoding='utf-8') as file:
        start = file.tell()
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                say(_progress(log))
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        with log.open(encoding='utf-8', errors='replace') as file:
            file.seek(start)
            raise ValueError(f'{_last_words(file.read())}; see {str(log)!r}')


def _progress(log: Path) -> str:
    """Return how far the log says that a run is."""
    with log.open('rb') as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        found = PROGRESS.findall(file.read().decode(errors='replace'))
    return found[-1] if found else ''


def _last_words(text: str) -> str:
    """Return the sentence of a verb that refused, or its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith('error: ')]
    return (errors or lines or ['a run failed'])[-1].removeprefix('error: ')


def _last_checkpoint(folder: Path) -> Path:
    """Return the checkpoint that training wrote last."""
    found = find_checkpoint(folder)
    if found is None:
        raise FileNotFoundError(
            f'no checkpoint in {str(folder)!r}; keep the `checkpoint` of '
            '`default_hooks`'
        )
    return found
