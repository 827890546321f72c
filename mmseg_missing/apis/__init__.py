"""What users and tools call."""

from mmseg_missing.compat import require_stack

require_stack()

from ..datasets.transforms.reading import read_array  # noqa: E402
from .inferencer import Inferencer, MultiModalInferencer  # noqa: E402
from .model import init_model  # noqa: E402
from .repair import Repaired, repair  # noqa: E402
from .zoo import ZooFiles, from_zoo, zoo_networks  # noqa: E402

__all__ = [
    'Inferencer',
    'MultiModalInferencer',
    'Repaired',
    'ZooFiles',
    'from_zoo',
    'init_model',
    'read_array',
    'repair',
    'zoo_networks',
]
