"""Adapters for any torch network; needs torch and safetensors only."""

from .attach import adapted, attach, detach, freeze, unhooked
from .bank import AdapterBank
from .base import Adapter
from .file import load_adapter, read_adapter, save_adapter
from .fold import add_biases, fold
from .frozen import base_state, fingerprint, is_adapter_key, load_base
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
    'add_biases',
    'attach',
    'base_state',
    'detach',
    'find_sites',
    'fingerprint',
    'fold',
    'freeze',
    'is_adapter_key',
    'load_adapter',
    'load_base',
    'read_adapter',
    'save_adapter',
    'unhooked',
]
