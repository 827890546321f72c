"""What a config may call by name: built in, or somebody's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Names(dict[str, Any]):
    """A table of what a config may call by name.

    :mod:`mmseg_missing.registry` shows it as a registry of MMEngine, whose
    ``register_module`` writes here. Where MMEngine is not installed, an
    entry is set as in any dict.

    Args:
        what: An entry is, such as ``sampler``.
        kind: It must be, in words.
        fits: Says whether something is of that kind.

    >>> colours = Names('colour', 'a text', lambda x: isinstance(x, str))
    >>> colours['red'] = '#f00'
    >>> colours.find('paint', 'red')
    '#f00'
    >>> colours['blue'] = 3
    Traceback (most recent call last):
    TypeError: a colour must be a text, got 3 for 'blue'
    """

    def __init__(
        self, what: str, kind: str, fits: Callable[[Any], bool]
    ) -> None:
        super().__init__()
        self.what, self.kind, self.fits = what, kind, fits

    def __setitem__(self, name: str, entry: Any) -> None:
        if not self.fits(entry):
            raise TypeError(
                f'a {self.what} must be {self.kind}, got {entry!r} for '
                f'{name!r}'
            )
        super().__setitem__(name, entry)

    def find(self, key: str, name: Any) -> Any:
        """Return the entry of a name that stands at ``key`` of a config.

        Raises:
            ValueError: there is none.
        """
        if not isinstance(name, str) or name not in self:
            raise ValueError(
                f'unknown {self.what} {name!r}; `{key}` takes one of '
                f'{", ".join(self)}, or one of your own that `custom_imports` '
                'brings'
            )
        return self[name]


def a_subclass_of(parent: type) -> tuple[str, Callable[[Any], bool]]:
    """Return ``kind`` and ``fits`` of a table of classes."""

    def fits(entry: Any) -> bool:
        return isinstance(entry, type) and issubclass(entry, parent)

    return f'a subclass of {parent.__name__}', fits
