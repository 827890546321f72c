"""The page in the browser: a network, sensors to break, what comes out."""

from mmseg_missing.compat import require_stack

require_stack()

from .samples import Sample, Samples  # noqa: E402
from .studio import Studio, View  # noqa: E402

__all__ = ['Sample', 'Samples', 'Studio', 'View']
