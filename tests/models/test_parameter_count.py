"""The numbers of the paper's networks, exactly."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS


def build(make_config, variant, count, classes, method):
    """Return an adapted CMNeXt that takes no memory."""
    names = ('rgb', 'depth', 'thermal', 'nir')[:count]
    backbone = {
        'type': 'CMNeXt',
        'variant': variant,
        'in_channels': [3] * count,
    }
    config = make_config(
        (backbone, [64, 128, 320, 512]),
        stack=[{'name': name} for name in names],
        adapter={'type': method, 'rows': 'table'},
    )
    config['decode_head'].update(channels=512, num_classes=classes)
    meta = torch.device('meta')
    with DefaultScope.overwrite_default_scope('mmseg'), meta:
        return MODELS.build(ConfigDict(config))


# Source: the authors' CMNeXt code, scale and shift after every linear,
# convolution and norm of encoders and fusion (arXiv:2310.03986).
@pytest.mark.parametrize(
    ('variant', 'count', 'classes', 'numbers', 'parameters'),
    [
        ('b4', 2, 40, 760_418, 116_576_299),
        ('b2', 2, 25, 318_256, 58_694_225),
        ('b2', 4, 25, 328_520, 58_732_125),
    ],
)
def test_adapters_are_less_than_one_percent(
    make_config, variant, count, classes, numbers, parameters
):
    model = build(make_config, variant, count, classes, 'ScaleShift')
    bank = model.adapters
    sizes = {name: w.numel() for name, w in model.named_parameters()}
    table = 'adapters.rows.table.'
    rows = {n: sizes.pop(n) for n in list(sizes) if n.startswith(table)}
    assert sizes.pop('adapters.rows.anchor') == 1
    assert sum(sizes.values()) == parameters
    assert set(rows.values()) == {bank.num_parameters} == {numbers}
    assert len(rows) == 2**count - 2
    assert bank.num_parameters < 0.01 * parameters
    # Half scales, half shifts; every layer of the encoders and fusion once.
    assert bank.num_parameters == 2 * sum(s.num_features for s in bank.sites)
    assert all(s.name.startswith('backbone.') for s in bank.sites)


def test_biases_are_those_that_the_network_has(make_config):
    """0.32 % of CMNeXt-B4, less than a bias behind every layer."""
    model = build(make_config, 'b4', 2, 40, 'Bias')
    biases = {
        name.removesuffix('.bias'): bias.numel()
        for name, bias in model.backbone.named_parameters('backbone')
        if name.endswith('.bias')
    }
    bank = model.adapters
    sites = {s.name: width for s, width in zip(bank.sites, bank.widths)}
    assert sites == biases
    assert bank.num_parameters == 375_048
    shifts = build(make_config, 'b4', 2, 40, 'Shift').adapters
    assert shifts.num_parameters == 380_209
