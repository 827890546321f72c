"""Networks as files that run without this package."""

# ruff: noqa: E402
from mmseg_missing.compat import require_stack

require_stack()

from .checks import TOLERANCE, load_graph
from .formats import FORMATS, Exported, quantize, write_graph
from .graph import PRESENT, Graph
from .manifest import MANIFEST, manifest_of
from .writers import OPSET

__all__ = [
    'FORMATS',
    'MANIFEST',
    'OPSET',
    'PRESENT',
    'TOLERANCE',
    'Exported',
    'Graph',
    'load_graph',
    'manifest_of',
    'quantize',
    'write_graph',
]
