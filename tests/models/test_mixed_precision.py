"""A training step in bfloat16, of every network."""

import torch
from torch.nn.functional import cosine_similarity

from mmseg_missing.adapters.methods import scale_shift

PRESENT = [(True, False), (False, True)]


def gradients(model, inputs, samples, enabled):
    with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
        loss = model.loss(inputs, samples)['decode.loss_ce']
    rows = list(model.adapters.rows.table.values())
    return torch.cat(torch.autograd.grad(loss, rows))


def plain(x, scale, shift, call, is_kept):
    return torch.addcmul(shift, x, scale)


def test_gradients_are_those_of_the_plain_graph(
    make_pair, network, inputs, make_samples, monkeypatch
):
    """What adapters save and rebuild is as good as what autograd keeps.

    Far from float32 both may be: random weights make much of rounding.
    """
    _, model = make_pair(network, sampler='full')
    batch = inputs, make_samples(PRESENT)
    found = gradients(model.train(), *batch, enabled=True)
    monkeypatch.setattr(scale_shift, 'affine', plain)
    expected = gradients(model, *batch, enabled=True)
    assert found.dtype == torch.float32 and found.isfinite().all()
    assert cosine_similarity(found, expected, dim=0) > 0.999


def test_recomputing_is_in_the_same_precision(make_pair, inputs, make_samples):
    config = {
        'type': 'CMNeXt',
        'embed_dims': (8, 16, 40, 64),
        'depths': (1, 1, 1, 1),
        'in_channels': [3, 1],
        'with_cp': True,
    }
    batch = inputs, make_samples(PRESENT)
    both = [
        gradients(pair[1].train(), *batch, enabled=True)
        for pair in (
            make_pair('cmnext', sampler='full'),
            make_pair((config, [8, 16, 40, 64]), sampler='full'),
        )
    ]
    torch.testing.assert_close(*both)
