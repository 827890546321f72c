"""Tiny segmentors over two modalities, on many backbones."""

import copy

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_missing.adapters import adapted, load_base
from mmseg_missing.modality import Stack
from mmseg_missing.models.backbones.cmnext import ConvFFN
from mmseg_missing.models.backbones.mix_transformer import MixFFN
from mmseg_missing.models.utils.transformer import map_to_tokens

MODALITIES = [
    {'name': 'rgb', 'mean': [0.5], 'std': [2]},
    {'name': 'depth', 'channels': 1, 'mean': [1], 'std': [3]},
]
SWIN = {
    'type': 'SwinTransformer',
    'embed_dims': 8,
    'depths': [1, 2, 1, 1],
    'num_heads': [1, 1, 2, 2],
    'window_size': 3,
}
MIT = {
    'type': 'MixVisionTransformer',
    'embed_dims': 8,
    'num_layers': [1, 1, 1, 1],
    'num_heads': [1, 1, 2, 2],
}
RESNET = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
}
CMNEXT = {
    'type': 'CMNeXt',
    'embed_dims': (8, 16, 40, 64),
    'depths': (1, 1, 1, 1),
    'in_channels': [3, 1],
}
CMX = {**CMNEXT, 'type': 'CMX'}
MMSFORMER = {**CMNEXT, 'type': 'MMSFormer', 'extra_depths': (1, 2, 1, 1)}
EIGHTS = [8, 16, 32, 64]


def streams(backbone, **settings):
    return {
        'type': 'MultiStreamBackbone',
        'backbone': backbone,
        'in_channels': [3, 1],
        **settings,
    }


# Backbone and the channels of its levels.
NETWORKS = {
    'cmnext': (CMNEXT, [8, 16, 40, 64]),
    'cmx': (CMX, [8, 16, 40, 64]),
    'mmsformer': (MMSFORMER, [8, 16, 40, 64]),
    'resnet streams': (streams(RESNET), EIGHTS),
    'exchanging resnets': (
        streams(RESNET, fusion={'type': 'TokenExchangeFusion'}),
        EIGHTS,
    ),
    'mobilenet streams': (
        streams({'type': 'MobileNetV2', 'widen_factor': 0.25}),
        [8, 8, 24, 80],
    ),
    'mit streams': (
        streams(MIT, fusion={'type': 'RectifyFuse', 'num_heads': 1}),
        [8, 8, 16, 16],
    ),
    'mscan streams': (
        streams(
            {
                'type': 'MSCAN',
                'embed_dims': [8, 16, 24, 32],
                'depths': [1, 1, 1, 1],
                'norm_cfg': {'type': 'BN'},
            }
        ),
        [8, 16, 24, 32],
    ),
    'swin streams': (streams(SWIN), EIGHTS),
    'one resnet': ({**RESNET, 'in_channels': 4}, EIGHTS),
    'one mit': ({**MIT, 'in_channels': 4}, [8, 8, 16, 16]),
    'one swin': ({**SWIN, 'in_channels': 4}, EIGHTS),
}


@pytest.fixture(scope='session', params=NETWORKS)
def network(request):
    """Backbone config and channels, each of many."""
    return NETWORKS[request.param]


@pytest.fixture(scope='session')
def make_config():
    """Return a function that gives the config of a segmentor."""

    def make(network='cmnext', **settings):
        if isinstance(network, str):
            network = NETWORKS[network]
        backbone, channels = copy.deepcopy(network)
        return {
            'type': 'MissingModalitySegmentor',
            'stack': copy.deepcopy(MODALITIES),
            'backbone': backbone,
            'decode_head': {
                'type': 'SegFormerMLPHead',
                'in_channels': channels,
                'channels': 8,
                'num_classes': 3,
                'align_corners': False,
                'loss_decode': {
                    'type': 'CrossEntropyLoss',
                    'avg_non_ignore': True,
                },
            },
            'train_cfg': {},
            'test_cfg': {'mode': 'whole'},
            **settings,
        }

    return make


def _build(config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope('mmseg'):
            model = MODELS.build(config)
        for name, tensor in model.state_dict().items():
            if 'adapters.' not in name:
                _enliven(name, tensor)
    return model.eval()


def _enliven(name, tensor):
    """Draw numbers with which signals neither fade nor saturate.

    Start values of init_weights() give logits that hardly look at the image.
    """
    if not tensor.is_floating_point():
        return
    if tensor.ndim > 1:
        tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
    elif name.endswith(('bias', 'running_mean')):
        tensor.normal_(0, 0.5)
    else:
        tensor.uniform_(0.5, 1.5)


@pytest.fixture(scope='session')
def make_segmentor(make_config):
    """Return a function that builds a segmentor, in eval mode."""

    def make(*args, **kwargs):
        return _build(ConfigDict(make_config(*args, **kwargs)))

    return make


@pytest.fixture(scope='session')
def train_rows():
    """Return a function that lets a network's rows look trained."""

    def train(model):
        generator = torch.Generator().manual_seed(1)
        for _, root in adapted(model):
            root.adapters.samples_seen += 1
            for row in root.adapters.rows.table.values():
                noise = torch.randn(row.shape, generator=generator)
                row.detach().copy_(0.1 * noise)
        return model

    return train


@pytest.fixture(scope='session')
def make_pair(make_segmentor, train_rows):
    """Return a function that gives a base and the same with adapters."""

    def make(network='cmnext', **settings):
        base = make_segmentor(network, **settings)
        model = make_segmentor(
            network, **{'adapter': {'type': 'ScaleShift'}, **settings}
        )
        load_base(model, base.state_dict(), 'base.pth')
        return base, train_rows(model)

    return make


class FeedForward(nn.Module):
    """A feed-forward on maps, whose layers are sites."""

    def __init__(self, kind):
        super().__init__()
        self.ffn = kind(5, 11)

    def forward(self, x):
        if isinstance(self.ffn, ConvFFN):
            return self.ffn(x)
        return self.ffn(map_to_tokens(x), x.shape[2:])


@pytest.fixture(params=[ConvFFN, MixFFN])
def feed_forward(request):
    """Each kind of feed-forward, of 5 channels."""
    torch.manual_seed(0)
    return FeedForward(request.param)


@pytest.fixture
def stack():
    """Two modalities."""
    return Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])


@pytest.fixture
def draw_rows():
    """Return a function that draws the rows of a table anew."""

    def draw(bank):
        torch.manual_seed(2)
        with torch.no_grad():
            for row in bank.rows.table.values():
                row.add_(0.3 * torch.randn(row.shape))
        return bank

    return draw


@pytest.fixture
def inputs():
    """Two normalised images of all modalities, (2, 4, 32, 64)."""
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, 4, 32, 64, generator=generator)


@pytest.fixture
def make_samples():
    """Return a function that gives one labelled sample per ``present``."""

    def make(presents, size=(32, 64)):
        samples = []
        for index, present in enumerate(presents):
            meta = {
                'sample_idx': index,
                'ori_shape': size,
                'img_shape': size,
                'pad_shape': size,
                'flip': False,
                'img_path': f'{index}.png',
            }
            if present is not None:
                meta['present'] = present
            sample = SegDataSample(metainfo=meta)
            generator = torch.Generator().manual_seed(index)
            label = torch.randint(0, 3, (1, *size), generator=generator)
            sample.gt_sem_seg = PixelData(data=label)
            samples.append(sample)
        return samples

    return make


def _as_rank(rank, folder, work, arguments):
    torch.set_num_threads(1)
    store = dist.FileStore(f'{folder}/store', 2)
    dist.init_process_group('gloo', store=store, rank=rank, world_size=2)
    torch.save(work(rank, *arguments), f'{folder}/{rank}.pth')
    dist.destroy_process_group()


@pytest.fixture
def in_two_processes(tmp_path):
    """Return a function that runs ``work(rank, ...)`` as both of two ranks.

    It gives what each returns.
    """

    def run(work, *arguments):
        context = mp.start_processes(
            _as_rank,
            (str(tmp_path), work, arguments),
            nprocs=2,
            join=False,
            start_method='fork',
        )
        try:
            assert context.join(timeout=100) is not None
        finally:
            for process in context.processes:
                process.kill()
        return [torch.load(tmp_path / f'{rank}.pth') for rank in range(2)]

    return run
