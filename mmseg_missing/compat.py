"""The only place that knows that there are two stacks.

The names mmengine, mmcv and mmseg come from the maintained distributions
(onedl-mmengine, onedl-mmcv, onedl-mmsegmentation) or from the official ones.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import tarfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import IO, Any
from urllib.parse import urlparse

import torch

from . import data_pickle
from .recomputing import recompute_named

STACK = ('mmengine', 'mmcv', 'mmseg')
# Files of model zoos end so, and are one file at any address.
NAMED_BY_CONTENT = re.compile(r'-[0-9a-f]{8,}\.')


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

    Importing the maintained mmseg is noisy. And both mmengines unpickle
    whatever a checkpoint holds, wherever it comes from: the one up to 0.10.7
    does so by torch's old default, the maintained one as soon as reading data
    alone failed. Here their loaders, for files, addresses and the names of
    model zoos, all end in :func:`load_file`.

    Their activation checkpointing is torch's older one, see
    :mod:`mmseg_missing.recomputing`.
    """
    from mmengine.runner import checkpoint, runner

    import_quietly('mmseg.models', 'mmseg.datasets')
    checkpoint.torch = _TorchOfLoaders('torch')
    checkpoint.load_url = load_url
    runner.turn_on_activation_checkpointing = recompute_named


class _TorchOfLoaders(ModuleType):
    """torch as mmengine's loaders of checkpoints see it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def load(file: Any, map_location: Any = None, **_: Any) -> Any:
        return load_file(file, map_location)


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


_trusted = ContextVar('trusted', default=False)


@contextmanager
def trusting(trust: bool = True) -> Iterator[None]:
    """Let checkpoints within this block run code, if ``trust`` says so.

    A block without trust takes away none that is there.
    """
    token = _trusted.set(trust or _trusted.get())
    try:
        yield
    finally:
        _trusted.reset(token)


def trust_from_now_on() -> None:
    """Let checkpoints run code in the context that runs."""
    _trusted.set(True)


def load_file(file: str | Path | IO[bytes], map_location: Any = None) -> Any:
    """Load a checkpoint as data: the one door for files that were pickled.

    Tensors, numbers, texts, containers and what MMEngine's Runner keeps; see
    :mod:`mmseg_missing.data_pickle`. Whatever else pickle can make is made
    within :func:`trusting` alone.

    Args:
        file: Path, or a file that is open.
        map_location: As in ``torch.load``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or holds more than data.
    """
    name = getattr(file, 'name', 'the checkpoint')
    if isinstance(file, (str, Path)):
        file = Path(file).expanduser()
        name = str(file)
        if not file.is_file():
            # MMEngine's own words, which tools complete.
            raise FileNotFoundError(f'{name} can not be found.')
    pickles = pickle if _trusted.get() else data_pickle
    try:
        if pickles is data_pickle:
            _check_container(file)
        found = torch.load(
            file,
            map_location=map_location,
            pickle_module=pickles,
            weights_only=False,
        )
    except data_pickle.NotData as error:
        raise ValueError(
            f'{name!r} holds {error}, which is no data and could run any '
            'code; if you trust who made it, give --trust (`trust=True` of '
            '`init_model`, `Inferencer` and `read_checkpoint`)'
        ) from error
    except Exception as error:  # torch raises many kinds for a bad file
        reason = str(error).split('. ')[0]
        raise ValueError(
            f'{name!r} is damaged or no checkpoint: {reason}'
        ) from error
    meta = found.get('meta') if isinstance(found, dict) else None
    if isinstance(meta, dict):
        # The Runner that resumes would run this text.
        meta.pop('config', None)
    return found


def _check_container(file: Path | IO[bytes]) -> None:
    """Refuse what torch reads by other means than a pickle module.

    Raises:
        NotData: a program (TorchScript), or a tar file of old torch.
    """
    if isinstance(file, Path):
        with file.open('rb') as opened:
            return _check_container(opened)
    is_zip = file.read(4) == b'PK\3\4'  # as torch looks at it
    file.seek(0)
    if is_zip:
        records = torch._C.PyTorchFileReader(file).get_all_records()
        if 'constants.pkl' in records:
            raise data_pickle.NotData('a TorchScript program')
    elif tarfile.is_tarfile(file):
        raise data_pickle.NotData('a tar archive')
    file.seek(0)
    return None


def load_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    **_: Any,
) -> Any:
    """Load a checkpoint from the web, as ``torch.hub`` does, but as data.

    Args:
        url: Address of the file.
        model_dir: Where downloads are kept; default: torch's own folder. A
            name that ends in a digest of its content is as torch has it;
            others (``epoch_12.pth``) lie in a folder for their address.
        map_location: As in ``torch.load``.
        progress: Show how far the download is.

    Raises:
        URLError: it cannot be had.
        ValueError: as :func:`load_file`.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir(), 'checkpoints'))
    name = Path(urlparse(url).path).name
    if NAMED_BY_CONTENT.search(name) is None:
        folder /= hashlib.sha256(url.encode()).hexdigest()[:16]
    path = folder / name
    if path.is_file():
        return load_file(path, map_location)
    folder.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(url, str(path), progress=progress)
    try:
        return load_file(path, map_location)
    except ValueError:  # an error page, say, which nobody wants to keep
        path.unlink(missing_ok=True)
        raise
