"""Adapters that keep multi-modal segmentation networks working when sensors
are missing.

Importing this package registers its parts in MMSegmentation. Where that is
not installed, `modality`, `sampling` and `adapters` work with torch alone.
"""

from importlib import import_module
from types import ModuleType

from mmseg_missing.compat import bridge_stack, stack_installed
from mmseg_missing.version import __version__

__all__ = ['__version__']

_NEEDS_STACK = {
    'analysis',
    'apis',
    'benchmark',
    'cli',
    'comparison',
    'datasets',
    'engine',
    'evaluation',
    'importance',
    'models',
    'registry',
    'startup',
    'visualization',
}

if stack_installed():
    bridge_stack()
    from mmseg_missing import datasets, engine, evaluation, models  # noqa: F401


def __getattr__(name: str) -> ModuleType:
    if name in _NEEDS_STACK:
        return import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
