"""How something was made: ``setting.json`` beside what came out."""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import mmcv
import mmengine
import mmseg
import numpy
import torch

from ..values import expecting
from ..version import __version__

SETTING_FILE = 'setting.json'


@dataclass(frozen=True)
class Setting:
    """How something was made.

    Args:
        command: As a shell takes it; empty: it was no command of ours.
        facts: Such as ``config``, ``checkpoint`` and ``adapter``, in words.
        versions: Python and what matters to numbers, by name.
    """

    command: str
    facts: Mapping[str, str]
    versions: Mapping[str, str]

    @classmethod
    def here(cls, **facts: object) -> Setting:
        """Return that of this process; facts that are None are left out."""
        known = {k: str(v) for k, v in facts.items() if v is not None}
        versions = {
            'mmseg-missing': __version__,
            'python': platform.python_version(),
            'torch': str(torch.__version__),
            'numpy': numpy.__version__,
            'mmengine': mmengine.__version__,
            'mmcv': mmcv.__version__,
            'mmsegmentation': mmseg.__version__,
        }
        return cls(_command(), known, versions)

    def write(self, folder: str | Path) -> None:
        """Write it into a folder.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps(asdict(self), indent=2)
        (Path(folder) / SETTING_FILE).write_text(text + '\n', encoding='utf-8')

    @classmethod
    def read(cls, folder: str | Path) -> Setting | None:
        """Return what lies in a folder; None: nothing.

        Raises:
            ValueError: the file is something else.
        """
        path = Path(folder) / SETTING_FILE
        if not path.is_file():
            return None
        with expecting(
            f'{SETTING_FILE} in {str(path.parent)!r}',
            'remove it, or run the command again that writes there',
        ):
            fields = json.loads(path.read_text(encoding='utf-8'))
            command, *parts = (
                fields.pop(key) for key in ('command', 'facts', 'versions')
            )
            texts = [
                {str(k): str(v) for k, v in dict(part).items()}
                for part in parts
            ]
            return cls(str(command), *texts)


def _command() -> str:
    """Return how this process was called, if by this project's command."""
    path = Path(sys.argv[0])
    is_module = path.parts[-2:] == ('mmseg_missing', '__main__.py')
    if path.name != 'mmseg-missing' and not is_module:
        return ''
    return shlex.join(['mmseg-missing', *sys.argv[1:]])
