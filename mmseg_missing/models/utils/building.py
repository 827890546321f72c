"""Parts of a network, built so that an error says which part it was."""

from __future__ import annotations

import copy
from typing import Any

from mmseg.registry import MODELS
from torch import nn

from ...values import naming, part


def build_part(key: str, config: Any) -> nn.Module:
    """Build a part from its config, which stays as it is.

    Args:
        key: Where the config stands, for messages.
        config: ``dict(type=..., ...)``.

    Raises:
        TypeError: no such dict, or a value of another type than it takes.
        ValueError: a value that cannot work.
    """
    config = part(key, copy.deepcopy(config))
    with naming(key):
        return MODELS.build(config)


def named_part(key: str, config: Any) -> dict[str, Any]:
    """Return a config with which others build as :func:`build_part` does."""
    return {'type': build_part, 'key': key, 'config': config}
