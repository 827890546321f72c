"""Shared by all tests."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

# Tiny tensors gain nothing from threads, and sums keep their order.
torch.set_num_threads(1)


def outside(name):
    """Return a folder that stays outside the project, or skip the test.

    It lies in ``shared`` beside the project, or where the environment
    variable ``MMSEG_MISSING_<NAME>`` says.
    """
    default = Path(__file__).parents[2] / 'shared' / name
    path = Path(os.environ.get(f'MMSEG_MISSING_{name.upper()}', default))
    if not path.is_dir():
        pytest.skip(f'no folder {path}')
    return path


@pytest.fixture
def golden_dir():
    """Reference outputs of published code."""
    return outside('golden')


@pytest.fixture
def weights_dir():
    """Published weights."""
    return outside('weights')


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
