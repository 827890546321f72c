"""Write configs for a folder of one's own."""

from .folder import DATA, NewConfigs, new

__all__ = ['DATA', 'NewConfigs', 'new']
