"""Weights of something else, and damaged files, end in a sentence."""

import random

import pytest
import torch

from mmseg_missing.models.converters.cmnext import cmnext_from_authors
from mmseg_missing.models.converters.cmx import cmx_from_authors
from mmseg_missing.models.converters.mit import mit_to_cmnext
from mmseg_missing.models.converters.mmsformer import mmsformer_from_authors
from mmseg_missing.models.converters.mobilenetv2 import (
    mobilenetv2_from_torchvision,
)
from mmseg_missing.models.converters.renaming import check_names
from mmseg_missing.models.converters.weight_files import read_weights

CONVERTERS = [
    cmnext_from_authors,
    cmx_from_authors,
    mit_to_cmnext,
    mmsformer_from_authors,
    mobilenetv2_from_torchvision,
]
SHAPES = [(), (0,), (3,), (2, 0), (8, 3, 7, 7), (5, 5, 5)]


@pytest.fixture
def names():
    """Names of tensors under which authors of all networks store theirs."""
    names = [f'patch_embed{i}.proj.weight' for i in range(1, 5)]
    names += [f'block{i}.0.attn.sr.weight' for i in range(1, 5)]
    names += [f'layers.{i}.0.projection.weight' for i in range(4)]
    names += [f'layers.{i}.1.0.attn.attn.in_proj_weight' for i in range(4)]
    names += [f'decode_head.linear_c{i}.proj.weight' for i in range(1, 5)]
    names += ['decode_head.linear_fuse.0.weight', 'features.0.0.weight']
    names += ['decode_head.linear_pred.weight', 'extra_mit.0.norm1.weight']
    return names + [f'backbone.{n}' for n in names if 'decode' not in n]


@pytest.mark.parametrize('convert', CONVERTERS)
@pytest.mark.parametrize('shape', SHAPES)
def test_other_shapes(convert, shape, names):
    for chosen in (names, names[:4], [f'backbone.{n}' for n in names[:8]], []):
        weights = {name: torch.zeros(shape) for name in chosen}
        with pytest.raises(ValueError, match='check SRC'):
            convert(weights)


def test_numbers_that_are_not_finite():
    weights = {'a': torch.ones(3), 'b': torch.tensor([1.0, torch.nan])}
    with pytest.raises(ValueError, match='got tensors b not finite; check'):
        check_names(weights, weights, 'a network')


def test_damaged_files(tmp_path):
    rng = random.Random(0)
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': {'a': torch.zeros(40)}}, path)
    whole = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(whole[: rng.randrange(1, len(whole))])
        for _ in range(rng.randrange(4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_weights(path)
        except ValueError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize('content', [1, [], {1: torch.zeros(1)}, {'a': 'b'}])
def test_files_without_tensors_by_name(tmp_path, content):
    path = tmp_path / 'weights.pth'
    torch.save(content, path)
    with pytest.raises(ValueError, match=str(path)):
        read_weights(path)
