"""A tiny network that was never trained, as the page shows it."""

from pathlib import Path

import pytest

from mmseg_missing.page import Studio

CONFIGS = Path(__file__).parents[1] / 'configs'


@pytest.fixture(autouse=True)
def no_global_state(forgetting):
    with forgetting():
        yield


@pytest.fixture(scope='session')
def studio(files, forgetting):
    with forgetting():
        return Studio(CONFIGS / 'tiny-ssf.py', files.base, files.adapter)
