"""Adapters for any torch network; needs torch and safetensors only."""

from .adapter import Adapter
from .attach import (
    adapted,
    attach,
    check_hooks,
    detach,
    freeze,
    method_options,
    thaw,
)
from .bank import AdapterBank
from .base_state import (
    adapter_prefixes,
    base_state,
    check_finite,
    fingerprint,
    frozen_state,
    load_base,
)
from .file import (
    annotate_adapter,
    load_adapter,
    read_adapter,
    save_adapter,
)
from .fold import add_biases, fold, fold_network
from .fold_norms import drop_norms, find_foldable_norms, fold_norms
from .library import load_adapters, read_rows, start_from
from .methods import (
    METHODS,
    Bias,
    Bottleneck,
    Hybrid,
    LowRank,
    NormTuning,
    Scale,
    ScaleShift,
    Shift,
)
from .rows import (
    ROW_MODES,
    AdditiveRows,
    ExpertRows,
    HyperRows,
    Rows,
    TableRows,
)
from .sites import Site, exactly, find_sites, is_name, read_sites

__all__ = [
    'METHODS',
    'ROW_MODES',
    'Adapter',
    'AdapterBank',
    'AdditiveRows',
    'Bias',
    'Bottleneck',
    'ExpertRows',
    'Hybrid',
    'HyperRows',
    'LowRank',
    'NormTuning',
    'Rows',
    'Scale',
    'ScaleShift',
    'Shift',
    'Site',
    'TableRows',
    'adapted',
    'adapter_prefixes',
    'add_biases',
    'annotate_adapter',
    'attach',
    'base_state',
    'check_finite',
    'check_hooks',
    'detach',
    'drop_norms',
    'exactly',
    'find_foldable_norms',
    'find_sites',
    'fingerprint',
    'fold',
    'fold_network',
    'fold_norms',
    'freeze',
    'frozen_state',
    'is_name',
    'load_adapter',
    'load_adapters',
    'load_base',
    'method_options',
    'read_adapter',
    'read_rows',
    'read_sites',
    'save_adapter',
    'start_from',
    'thaw',
]
