"""Adapters for any torch network; needs torch and safetensors only."""

from .attach import adapted, attach, check_hooks, detach, freeze
from .bank import AdapterBank
from .base import Adapter
from .file import (
    annotate_adapter,
    load_adapter,
    read_adapter,
    save_adapter,
)
from .fold import add_biases, fold
from .frozen import adapter_prefixes, base_state, fingerprint, load_base
from .rows import TableRows
from .scale_shift import ScaleShift
from .sites import Site, find_sites

__all__ = [
    'Adapter',
    'AdapterBank',
    'ScaleShift',
    'Site',
    'TableRows',
    'adapted',
    'adapter_prefixes',
    'add_biases',
    'annotate_adapter',
    'attach',
    'base_state',
    'check_hooks',
    'detach',
    'find_sites',
    'fingerprint',
    'fold',
    'freeze',
    'load_adapter',
    'load_base',
    'read_adapter',
    'save_adapter',
]
