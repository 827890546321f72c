"""The tables of what a config may call by name, as registries of MMEngine.

A module of your own registers here, and the config brings it in by
``custom_imports``; docs/tutorials/extending.md has an example of each kind::

    from mmseg_missing.registry import SAMPLERS

    @SAMPLERS.register_module()
    class MySampler(Sampler): ...

A registry writes into the table of the core, where the core looks, so that
the core needs no MMEngine.
"""

from typing import Any

from .compat import require_stack

require_stack()

from mmengine.registry import Registry  # noqa: E402
from mmseg.registry import MODELS  # noqa: E402

from . import adapters, corruptions, fill, sampling  # noqa: E402
from .names import Names  # noqa: E402

__all__ = ['FAULTS', 'FILLS', 'METHODS', 'ROW_MODES', 'SAMPLERS']


class _Shared(Registry):
    """A registry that keeps nothing itself: its entries are a table's."""

    def __init__(self, table: Names, **options: Any) -> None:
        super().__init__(table.what, scope='mmseg_missing', **options)
        self._module_dict = table


SAMPLERS = _Shared(sampling.SAMPLERS)
ROW_MODES = _Shared(adapters.ROW_MODES)
FILLS = _Shared(fill.FILLS)
FAULTS = _Shared(corruptions.FAULTS)
# What is registered in MODELS is found here too.
METHODS = _Shared(adapters.METHODS, parent=MODELS)
