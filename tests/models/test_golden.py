"""Published networks give the numbers of their authors' code."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mmseg_missing.models import CMX, CMNeXt, MMSFormer, SegFormerMLPHead
from mmseg_missing.models.converters.cmnext import cmnext_from_authors
from mmseg_missing.models.converters.cmx import cmx_from_authors
from mmseg_missing.models.converters.mmsformer import mmsformer_from_authors

DIMS = (16, 32, 40, 64)
SIZES = {'embed_dims': DIMS, 'depths': (1, 2, 2, 1)}
# CMX's bound is tight enough to tell its epsilons, 1e-6 and 1e-5, apart.
NETWORKS = {
    'cmnext': (CMNeXt, {}, cmnext_from_authors, 1e-4),
    'cmx': (CMX, {}, cmx_from_authors, 1e-5),
    'mmsformer': (
        MMSFormer,
        {'extra_depths': (1, 1, 2, 1)},
        mmsformer_from_authors,
        1e-4,
    ),
}
FILES = {
    'cmnext': 'cmnext_tiny_2modal.npz',
    'cmx': 'cmx_tiny.npz',
    'mmsformer': 'mmsformer_tiny_2modal.npz',
}


@pytest.mark.parametrize('name', NETWORKS)
@torch.no_grad()
def test_published_numbers(golden_dir, name):
    kind, sizes, from_authors, atol = NETWORKS[name]
    with np.load(golden_dir / FILES[name]) as file:
        golden = {key: torch.from_numpy(file[key]) for key in file}
    network = nn.ModuleDict(
        {
            'backbone': kind(**SIZES, **sizes),
            'decode_head': SegFormerMLPHead(DIMS, 32, num_classes=7),
        }
    ).eval()
    source = {
        key.removeprefix('sd/'): tensor
        for key, tensor in golden.items()
        if key.startswith('sd/')
    }
    network.load_state_dict(from_authors(source))
    x0, x1 = golden['x0'], golden['x1']
    zero = torch.zeros_like(x0)

    def run(*modalities):
        features = network['backbone'](torch.cat(modalities, 1))
        return features, network['decode_head'](features)

    features, logits = run(x0, x1)
    pairs = {f'feat{level}': x for level, x in enumerate(features)}
    pairs['logits'] = logits
    pairs['logits_second_zero'] = run(x0, zero)[1]
    pairs['logits_first_zero'] = run(zero, x1)[1]
    for key, ours in pairs.items():
        assert_close(ours, golden[key], rtol=0, atol=atol)
