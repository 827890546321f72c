"""BatchNorms of whole segmentors dissolve into convolutions."""

import pytest
import torch
from torch.testing import assert_close

from mmseg_missing.adapters import find_foldable_norms, fold_norms

# How many of each network's BatchNorms follow a convolution directly.
FOLDED = {
    'cmnext': 4,
    'resnet streams': 40,
    'mobilenet streams': 102,
    'mscan streams': 10,
    'one resnet': 20,
}


@pytest.mark.parametrize('name', FOLDED)
def test_same_scores(make_segmentor, inputs, name):
    model = make_segmentor(name).double()
    x = inputs.double().requires_grad_()
    norms = find_foldable_norms(model, lambda: model(x))
    expected = model(x).detach()
    fold_norms(model, norms)
    assert_close(model(x), expected, rtol=1e-9, atol=1e-9)
    assert len(norms) == FOLDED[name]


def test_folded_config_takes_the_weights(make_segmentor, inputs):
    model = make_segmentor('resnet streams')
    x = inputs.clone().requires_grad_()
    norms = find_foldable_norms(model, lambda: model(x))
    folded = {
        'combination': 'rgb+depth',
        'biases': fold_norms(model, norms),
        'norms': list(norms),
    }
    fresh = make_segmentor('resnet streams', folded=folded)
    fresh.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert torch.equal(fresh(inputs), model(inputs))
