"""Any backbone, one stream per modality."""

import copy

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_missing.models.backbones import MultiStreamBackbone
from mmseg_missing.models.utils.first_conv import fit_weight

BN = {'type': 'BN'}
BACKBONES = {
    'resnet': {
        'type': 'ResNet',
        'depth': 18,
        'base_channels': 8,
        'stem_channels': 8,
    },
    'resnet_deep_stem': {
        'type': 'ResNetV1c',
        'depth': 18,
        'base_channels': 8,
        'stem_channels': 8,
        'norm_cfg': BN,
    },
    'mobilenet': {'type': 'MobileNetV2', 'widen_factor': 0.25},
    'mit': {
        'type': 'MixVisionTransformer',
        'embed_dims': 8,
        'num_layers': [1, 1, 1, 1],
        'num_heads': [1, 1, 2, 2],
    },
    'mscan': {
        'type': 'MSCAN',
        'embed_dims': [8, 16, 24, 32],
        'depths': [1, 1, 1, 1],
        'norm_cfg': BN,
    },
    'swin': {
        'type': 'SwinTransformer',
        'embed_dims': 8,
        'depths': [1, 1, 1, 1],
        'num_heads': [1, 1, 2, 2],
        'window_size': 3,
        'drop_path_rate': 0.0,
    },
}
RESNET = BACKBONES['resnet']


@pytest.fixture(params=BACKBONES)
def cfg(request):
    return BACKBONES[request.param]


@pytest.fixture
def pretrained(cfg, tmp_path):
    """A plain network and the config that loads its weights."""
    return _pretrained(cfg, tmp_path)


@pytest.fixture
def pretrained_resnet(tmp_path):
    return _pretrained(RESNET, tmp_path)


def _pretrained(cfg, folder):
    network = MODELS.build(cfg)
    path = str(folder / 'weights.pth')
    torch.save({'state_dict': network.state_dict()}, path)
    network.eval()  # never chained: several of them return None
    init_cfg = {'type': 'Pretrained', 'checkpoint': path}
    return network, dict(cfg, init_cfg=init_cfg)


def _eval(model):
    model.init_weights()
    return model.eval()


def test_streams_of_any_backbone_and_their_gradients(cfg):
    given = copy.deepcopy(cfg)
    model = MultiStreamBackbone(cfg, [3, 1, 5])
    levels = model(torch.randn(2, 9, 64, 96))
    assert [level.shape[1] for level in levels] == model.out_channels
    assert [level.shape[2:] for level in levels] == [
        (16, 24),
        (8, 12),
        (4, 6),
        (2, 3),
    ]
    sum(level.square().sum() for level in levels).backward()
    unused = [n for n, p in model.named_parameters() if p.grad is None]
    assert unused == []
    assert cfg == given


def test_one_rgb_stream_is_the_plain_backbone(cfg):
    torch.manual_seed(0)
    plain = MODELS.build(cfg)
    following = torch.rand(3)
    torch.manual_seed(0)
    model = MultiStreamBackbone(cfg, [3])
    assert torch.equal(torch.rand(3), following)
    state = model.streams[0].state_dict()
    torch.testing.assert_close(state, plain.state_dict(), rtol=0, atol=0)
    assert all(m.training for m in model.modules())
    x = torch.randn(2, 3, 64, 96)
    x = x.contiguous(memory_format=torch.channels_last)
    for level, expected in zip(model(x), plain(x), strict=True):
        assert torch.equal(level, expected)


def test_rgb_weights_load_into_every_stream(pretrained):
    plain, cfg = pretrained
    model = _eval(MultiStreamBackbone(cfg, [3, 1]))
    rgb, depth = torch.randn(2, 3, 64, 64), torch.randn(2, 1, 64, 64)
    levels = model(torch.cat((rgb, depth), 1))
    expected = zip(plain(rgb), plain(depth.expand(-1, 3, -1, -1)), strict=True)
    for level, (of_rgb, of_depth) in zip(levels, expected, strict=True):
        torch.testing.assert_close(
            level,
            of_rgb + of_depth,
            rtol=1e-4,  # the sum over channels is taken in another order
            atol=1e-4,
        )


@pytest.mark.parametrize('key', ['init_cfg', 'list', 'pretrained'])
def test_streams_that_are_not_named_load_nothing(pretrained_resnet, key):
    plain, cfg = pretrained_resnet
    init_cfg = cfg['init_cfg']
    cfg = {
        'init_cfg': cfg,
        'list': dict(cfg, init_cfg=[init_cfg]),
        'pretrained': dict(RESNET, pretrained=init_cfg['checkpoint']),
    }[key]
    model = MultiStreamBackbone(cfg, [3, 3], pretrained_streams=[0])
    model.init_weights()
    weight = plain.layer1[0].conv1.weight
    assert torch.equal(model.streams[0].layer1[0].conv1.weight, weight)
    assert not torch.equal(model.streams[1].layer1[0].conv1.weight, weight)


def test_weights_are_fitted_on_initialisation_only():
    of_rgb_hha = MultiStreamBackbone(RESNET, [3, 3]).state_dict()
    model = MultiStreamBackbone(RESNET, [3, 1])
    model.init_weights()
    with pytest.raises(RuntimeError, match=r'streams\.1\.conv1\.weight'):
        model.load_state_dict(of_rgb_hha)


def test_fitted_weight():
    weight = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    assert torch.equal(fit_weight(weight, 3), weight)
    torch.testing.assert_close(
        fit_weight(weight, 1)[:, 0], weight[:, 0] + weight[:, 1] + weight[:, 2]
    )
    five = fit_weight(weight, 5)
    assert five.shape == (2, 5, 5, 7)
    torch.testing.assert_close(five[:, 4], weight[:, 1] * 3 / 5)
    six = fit_weight(weight, 6)
    torch.testing.assert_close(six.sum(1), weight.sum(1))


def test_frozen_first_layer_stays_frozen():
    model = MultiStreamBackbone(dict(RESNET, frozen_stages=0), [3, 1])
    weights = [stream.conv1.weight for stream in model.streams]
    assert [w.requires_grad for w in weights] == [False, False]


def test_train_and_eval_return_self():
    model = MultiStreamBackbone(BACKBONES['mobilenet'], [3, 1])
    assert model.eval() is model
    assert not any(m.training for m in model.modules())
    assert model.train() is model


def test_one_level_is_a_tuple_too():
    cfg = dict(BACKBONES['mobilenet'], out_indices=(6,))
    levels = MultiStreamBackbone(cfg, [3, 1])(torch.randn(2, 4, 64, 64))
    assert isinstance(levels, tuple) and len(levels) == 1


def test_copy_is_independent():
    model = MultiStreamBackbone(RESNET, [3, 1])
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.streams[1].conv1.weight.zero_()
    assert model.streams[1].conv1.weight.any()


def test_weights_without_the_first_layer_are_refused(tmp_path):
    path = str(tmp_path / 'foreign.pth')
    torch.save({'features.0.0.weight': torch.zeros(32, 3, 3, 3)}, path)
    init_cfg = {'type': 'Pretrained', 'checkpoint': path}
    model = MultiStreamBackbone(dict(RESNET, init_cfg=init_cfg), [3, 1])
    with pytest.raises(ValueError, match=r"hold no 'conv1\.weight'.*prefix"):
        model.init_weights()


@pytest.mark.parametrize(
    'options, message',
    [
        ({'in_channels': []}, 'at least one modality'),
        ({'in_channels': [3, 0]}, 'at least 1, got 0'),
        ({'pretrained_streams': [2]}, 'at most 1, got 2'),
        ({'backbone': {'type': 'BiSeNetV2'}}, 'BiSeNetV2 cannot be'),
        ({'backbone': dict(RESNET, in_channels=4)}, '`in_channels` out of'),
    ],
)
def test_wrong_configs_name_the_key(options, message):
    options = dict({'backbone': RESNET, 'in_channels': [3, 1]}, **options)
    with pytest.raises(ValueError, match=message):
        MultiStreamBackbone(**options)


def test_wrong_number_of_channels_names_the_key():
    model = MultiStreamBackbone(RESNET, [3, 1])
    with pytest.raises(ValueError, match='expects 4 channels, got 6'):
        model(torch.randn(2, 6, 64, 64))


class TestStreamsFrom:
    """Streams that start from networks of one modality each."""

    @pytest.fixture
    def saved(self, tmp_path):
        """A function that saves a network's backbone as training does."""

        def saved(name, backbone):
            state = backbone.state_dict()
            state = {f'backbone.{key}': value for key, value in state.items()}
            state['decode_head.conv.weight'] = torch.zeros(1)
            path = tmp_path / f'{name}.pth'
            torch.save({'state_dict': state, 'meta': {}}, path)
            return str(path)

        return saved

    def test_they_are_those_streams(self, saved):
        rgb = _eval(MultiStreamBackbone(RESNET, [3]))
        depth = _eval(MultiStreamBackbone(RESNET, [1]))
        paths = [saved('rgb', rgb), saved('depth', depth)]
        model = MultiStreamBackbone(RESNET, [3, 1], streams_from=paths)
        model = _eval(model)
        x = torch.randn(2, 4, 64, 64)
        levels = model.stream_levels(x)
        for found, alone, image in zip(
            levels, (rgb, depth), x.split([3, 1], 1)
        ):
            for a, b in zip(found, alone.stream_levels(image)[0]):
                assert torch.equal(a, b)

    def test_plain_networks_and_none_at_all(self, saved):
        plain = MODELS.build(RESNET)
        sources = [saved('plain', plain), None]
        model = MultiStreamBackbone(RESNET, [3, 1], streams_from=sources)
        _eval(model)
        state = model.streams[0].state_dict()
        torch.testing.assert_close(state, plain.state_dict(), rtol=0, atol=0)

    def test_frozen_ones_stay_as_they_start(self):
        model = MultiStreamBackbone(
            RESNET, [3, 1], {'type': 'ConcatFusion'}, frozen_streams=True
        )
        before = copy.deepcopy(model.streams.state_dict())
        assert model.train() is model
        levels = model(torch.randn(2, 4, 64, 64))
        sum(level.square().sum() for level in levels).backward()
        learns = {n for n, p in model.named_parameters() if p.grad is not None}
        assert learns
        assert all(name.startswith('fusions.') for name in learns)
        state = model.streams.state_dict()
        torch.testing.assert_close(state, before, rtol=0, atol=0)

    def test_bad_input(self, saved):
        key = r'backbone\.streams_from'

        def start(*sources):
            _eval(MultiStreamBackbone(RESNET, [3, 1], streams_from=sources))

        one = saved('rgb', MultiStreamBackbone(RESNET, [3]))
        with pytest.raises(ValueError, match=f'{key}` takes one checkpoint'):
            start(one)
        with pytest.raises(FileNotFoundError, match=f'no checkpoint .*{key}'):
            start(one, 'nowhere.pth')
        both = saved('both', MultiStreamBackbone(RESNET, [3, 1]))
        with pytest.raises(ValueError, match=f'has several streams; `{key}'):
            start(both, None)
        with pytest.raises(ValueError, match=f'{key}.*no base.*shape'):
            start(None, one)
        other = saved('mit', MultiStreamBackbone(BACKBONES['mit'], [3]))
        with pytest.raises(ValueError, match=f'{key}.*no base of this'):
            start(other, None)
