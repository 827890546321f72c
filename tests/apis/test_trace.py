"""A network scored along a trace: each frame is as it is by itself."""

import json

import numpy as np
import pytest
import torch

from mmseg_missing.adapters import attach  # noqa: F401
