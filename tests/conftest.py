"""Shared by all tests."""

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

# Tiny tensors gain nothing from threads, and sums keep their order.
torch.set_num_threads(1)


@pytest.fixture
def golden_dir():
    """Reference outputs of published code, which stay outside the project."""
    path = Path(__file__).parents[2] / 'shared' / 'golden'
    if not path.is_dir():
        pytest.skip(f'no reference outputs in {path}')
    return path


@pytest.fixture(scope='session')
def forgetting():
    """Return a context that leaves no global state of MMEngine behind.

    Loggers, message hubs and scopes outlive their Runner, and the next one
    of the same name would find them.
    """
    from mmengine.utils import ManagerMixin

    def managers(kind=ManagerMixin):
        yield kind
        for child in kind.__subclasses__():
            yield from managers(child)

    @contextmanager
    def forget():
        before = {kind: dict(kind._instance_dict) for kind in managers()}
        for kind in before:
            kind._instance_dict.clear()
        try:
            yield
        finally:
            for kind in managers():
                kind._instance_dict.clear()
                kind._instance_dict.update(before.get(kind, {}))

    return forget
