"""Networks to export leave no global state of MMEngine behind."""

import pytest


@pytest.fixture(autouse=True)
def no_global_state(forgetting):
    with forgetting():
        yield
