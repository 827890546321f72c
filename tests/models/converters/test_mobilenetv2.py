"""MobileNetV2 under two sets of names is one network."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.models.backbones import MobileNetV2

from mmseg_missing.models.converters.mobilenetv2 import (
    mobilenetv2_from_torchvision,
)
from mmseg_missing.models.converters.weight_files import (
    read_weights,
    write_weights,
)

# (channels, blocks, stride): Sandler et al., MobileNetV2, table 2.
TABLE = [
    (16, 1, 1),
    (24, 2, 2),
    (32, 3, 2),
    (64, 4, 2),
    (96, 3, 1),
    (160, 3, 2),
    (320, 1, 1),
]


def _layers():
    """Yield (conv, norm, out, in / groups, size, stride, groups, last)."""
    yield 'features.0.0', 'features.0.1', 32, 3, 3, 2, 1, False
    width, index = 32, 0
    for channels, blocks, first_stride in TABLE:
        for block in range(blocks):
            index += 1
            stride = first_stride if block == 0 else 1
            name, hidden, unit = f'features.{index}.conv', width, 0
            if index > 1:
                hidden, unit = 6 * width, 1
                yield f'{name}.0.0', f'{name}.0.1', hidden, width, 1, 1, 1, 0
            own = (hidden, 1, 3, stride, hidden, False)
            yield (f'{name}.{unit}.0', f'{name}.{unit}.1', *own)
            last = (channels, hidden, 1, 1, 1, True)
            yield (f'{name}.{unit + 1}', f'{name}.{unit + 2}', *last)
            width = channels
    yield 'features.18.0', 'features.18.1', 1280, 320, 1, 1, 1, False


@pytest.fixture(scope='module')
def weights():
    """Random weights with the names of torchvision, in half precision."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for conv, norm, c_out, c_in, size, *_ in _layers():
        shape = (c_out, c_in, size, size)
        scale = (2 / (c_in * size * size)) ** 0.5
        weights[f'{conv}.weight'] = scale * torch.randn(
            shape, generator=generator
        )
        for leaf in ('weight', 'bias', 'running_mean', 'running_var'):
            offset = leaf in ('weight', 'running_var')
            noise = torch.rand(c_out, generator=generator)
            weights[f'{norm}.{leaf}'] = offset + noise / 4
    weights = {name: tensor.half() for name, tensor in weights.items()}
    for _, norm, *_ in _layers():
        weights[f'{norm}.num_batches_tracked'] = torch.tensor(7)
    return weights


def _forward(weights, x):
    """Run the network by its names, without modules, as float32."""
    levels, skip = [], None
    for conv, norm, *_, stride, groups, last in _layers():
        weight = weights[f'{conv}.weight'].float()
        pad = weight.shape[-1] // 2
        x = F.conv2d(x, weight, None, stride, pad, groups=groups)
        x = F.batch_norm(
            x,
            *(
                weights[f'{norm}.{leaf}'].float()
                for leaf in ('running_mean', 'running_var', 'weight', 'bias')
            ),
        )
        if not last:
            x = x.clamp(0, 6)
            continue
        if skip is not None and skip.shape == x.shape:
            x = x + skip
        skip = x
        levels.append(x)
    return [levels[i] for i in (2, 5, 12, 16)]


def test_converted_network_computes_the_same(weights):
    model = MobileNetV2()
    model.load_state_dict(mobilenetv2_from_torchvision(weights))
    model.eval()
    x = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        levels, expected = model(x), _forward(weights, x)
    torch.testing.assert_close(list(levels), expected, rtol=1e-4, atol=1e-4)


def test_converted_weights_are_float32(weights):
    converted = mobilenetv2_from_torchvision(weights)
    assert converted['conv1.conv.weight'].dtype == torch.float32
    assert converted['conv1.bn.num_batches_tracked'].dtype == torch.int64


@pytest.mark.parametrize(
    'change, message',
    [
        ({'features.3.extra': torch.ones(1)}, r'features\.3\.extra unknown'),
        ({'features.0.1.bias': None}, r'conv1\.bn\.bias missing'),
        ({'features.0.1.bias': torch.ones(16)}, r'bn\.bias of another shape'),
    ],
)
def test_nothing_is_dropped_in_silence(weights, change, message):
    changed = {k: v for k, v in {**weights, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        mobilenetv2_from_torchvision(changed)


def test_weight_files(tmp_path):
    path = tmp_path / 'weights.pth'
    weights = {'a.weight': torch.randn(2, 3)}
    write_weights(weights, path)
    torch.testing.assert_close(read_weights(path), weights)
    torch.save(weights, path)
    torch.testing.assert_close(read_weights(path), weights)


@pytest.mark.parametrize(
    'content', [b'no weights', b'', b'PK\x03\x04 truncated']
)
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / 'weights.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pth' is damaged"):
        read_weights(path)


def test_files_of_something_else_are_refused(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match='no tensors by name'):
        read_weights(path)
    with pytest.raises(FileNotFoundError, match='do not exist'):
        read_weights(tmp_path / 'absent.pth')
