"""Verbs in this process leave no global state of MMEngine behind."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_global_state(forgetting):
    with forgetting():
        yield


@pytest.fixture(scope='session')
def configs():
    """The folder of the configs that tests use."""
    return Path(__file__).parents[1] / 'configs'
