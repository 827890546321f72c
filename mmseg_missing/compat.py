"""The only place that knows that there are two stacks.

The names mmengine, mmcv and mmseg come from the maintained distributions
(onedl-mmengine, onedl-mmcv, onedl-mmsegmentation) or from the official ones.
"""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

STACK = ('mmengine', 'mmcv', 'mmseg')


def missing_packages() -> list[str]:
    """Names of the stack that are not installed.

    A folder that merely carries the name (a cloned repository in the working
    directory) is no package: it has no origin.
    """
    specs = {name: find_spec(name) for name in STACK}
    return [
        name
        for name, spec in specs.items()
        if spec is None or spec.origin is None
    ]


def stack_installed() -> bool:
    """Whether mmengine, mmcv and mmseg are all installed."""
    return not missing_packages()


def require_stack() -> None:
    """Stop with the command that installs the stack.

    Raises:
        ImportError: if mmengine, mmcv or mmseg is not installed.
    """
    missing = missing_packages()
    if missing:
        raise ImportError(
            f'this part of mmseg_missing needs mmengine, mmcv and mmseg, but '
            f'{", ".join(missing)} cannot be found; run `pip install '
            '"mmseg-missing[onedl]"` (README, "Installation", has the '
            'official packages)'
        )


def bridge_stack() -> None:
    """Level the differences between the stacks; call once, at registration.

    mmengine up to 0.10.7 calls ``torch.load`` without ``weights_only``. Its
    default became True in torch 2.6, and the Runner's own checkpoints, which
    hold histories and configs beside the tensors, no longer load or resume.
    The maintained mmengine (0.10.8 and later) handles it by itself, but
    importing it is noisy.
    """
    import mmengine
    from mmengine.runner import CheckpointLoader
    from mmengine.utils import digit_version

    import_quietly('mmseg.models', 'mmseg.datasets')
    if digit_version(mmengine.__version__) <= digit_version('0.10.7'):
        CheckpointLoader.register_scheme('', load_from_local, force=True)


def import_quietly(*names: str) -> None:
    """Import modules without what they print and warn of meanwhile.

    The maintained mmseg prints a line for an optional package that nobody
    has, mmcv warns of compiled operators that nothing here uses; both would
    stand above the output of every tool.
    """
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for name in names:
            import_module(name)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint of mmengine from disk, pickled objects included.

    Takes the place of mmengine's loader of the same name, which reads local
    files only and has always unpickled: the files are the user's own.

    Args:
        filename: path, ``~`` allowed.
        map_location: as in ``torch.load``.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        # MMEngine's own words, which tools complete.
        raise FileNotFoundError(f'{path} can not be found.')
    return torch.load(path, map_location=map_location, weights_only=False)
