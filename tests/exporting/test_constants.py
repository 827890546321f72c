"""A graph of one size holds what absent streams give, not the streams."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from torch import nn

from mmseg_missing.apis.fold import folded_network
from mmseg_missing.exporting import Graph, load_graph, write_graph
from mmseg_missing.exporting.checks import example
from mmseg_missing.models.utils.constant_streams import GraphConstants

onnx = pytest.importorskip(
    'onnx', reason='pip install "mmseg-missing[export]"'
)
SIZE = 32, 48
SIZES = {'embed_dims': (8, 16, 40, 64), 'depths': (1,) * 4}
MIT = {
    'type': 'MixVisionTransformer',
    'embed_dims': 8,
    'num_layers': [1] * 4,
    'num_heads': [1, 1, 2, 2],
}
# Backbone, and what its file calls the first layers of depth's stream.
BACKBONES = [
    ({'type': 'MultiStreamBackbone', 'backbone': MIT}, 'streams.1'),
    ({'type': 'MMSFormer', **SIZES}, 'streams.1'),
    ({'type': 'CMX', **SIZES}, 'stages.0/embed_1'),
    ({'type': 'CMNeXt', **SIZES}, 'extra_stages.0'),
]


@pytest.fixture
def built():
    """Return a function that builds and folds a tiny network."""

    def build(backbone, fill='zero', present='rgb'):
        is_mit = 'backbone' in backbone
        model = {
            'type': 'MissingModalitySegmentor',
            'stack': [
                {'name': 'rgb', 'mean': [99.0] * 3, 'std': [50.0] * 3},
                {'name': 'depth', 'channels': 1, 'mean': [3.0]},
            ],
            'backbone': {**backbone, 'in_channels': [3, 1]},
            'decode_head': {
                'type': 'SegFormerMLPHead',
                'in_channels': [8, 8, 16, 16] if is_mit else [8, 16, 40, 64],
                'channels': 8,
                'num_classes': 5,
            },
            'fill': fill,
            'adapter': {'type': 'ScaleShift'},
        }
        torch.manual_seed(0)
        network = MODELS.build(copy.deepcopy(model))
        network.cfg = Config({'model': model})
        with torch.no_grad():
            for row in network.adapters.rows.table.values():
                row.add_(0.1 * torch.randn(row.shape))
        network.adapters.samples_seen += 1
        network.eval()
        return folded_network(network, present) if present else network

    return build


@pytest.mark.parametrize(('backbone', 'stream'), BACKBONES)
@pytest.mark.parametrize('fill', ['zero', 'learned', 'copy:rgb'])
def test_absent_streams_are_constants(built, backbone, stream, fill, tmp_path):
    graph = Graph(built(backbone, fill)).eval()
    path = tmp_path / 'rgb.onnx'
    found = write_graph(graph, path, SIZE, is_fixed=True)
    assert found.batch is None
    assert found.error <= 1e-5
    names = [node.name for node in onnx.load(path).graph.node]
    assert any('stages' in n or 'streams.0' in n for n in names)
    # A copy differs from image to image.
    assert any(stream in n for n in names) == (fill == 'copy:rgb')


@pytest.mark.parametrize('kind', ['onnx', 'torchscript'])
def test_files_leaves_the_weights_out(built, kind, tmp_path):
    path, sizes = tmp_path / f'rgb.{kind}', []
    for fill in ('zero', 'copy:rgb'):
        graph = Graph(built(BACKBONES[0][0], fill)).eval()
        assert write_graph(graph, path, SIZE, kind, True).error <= 1e-5
        sizes.append(path.stat().st_size)
    [stream] = graph.network.backbone.streams[1:]
    weights = sum(x.nbytes for x in stream.parameters())
    assert sizes[1] - sizes[0] > 0.9 * weights


def test_programs_leave_the_steps_out(built, tmp_path):
    path, steps = tmp_path / 'rgb.pt2', []
    for fill in ('zero', 'copy:rgb'):
        graph = Graph(built(BACKBONES[0][0], fill)).eval()
        write_graph(graph, path, SIZE, 'torch-export', is_fixed=True)
        program = torch.export.load(path)
        steps.append(str(program.graph).count('layer_norm'))
    assert steps[1] == 2 * steps[0]


def test_a_graph_of_any_size_computes_them(built, tmp_path):
    """And one that was written before leaves no trace in the network."""
    graph = Graph(built(BACKBONES[0][0])).eval()
    path = tmp_path / 'rgb.ts'
    write_graph(graph, path, SIZE, 'torchscript', is_fixed=True)
    found = write_graph(graph, path, SIZE, 'torchscript')
    assert found.size is None
    inputs = example(graph, (2, 64, 96))
    run = load_graph(path, 'torchscript')
    expected = graph(*inputs)
    torch.testing.assert_close(
        torch.from_numpy(run(*[x.numpy() for x in inputs])), expected
    )


@MODELS.register_module()
class HalvingInPlace(nn.Module):
    """Overwrites what it gets."""

    def __init__(self, dim, num_streams):
        super().__init__()

    def forward(self, streams):
        first, *others = streams
        return sum((x.mul_(0.5) for x in others), first)


@pytest.mark.parametrize('kind', ['onnx', 'torchscript'])
def test_a_fusion_that_overwrites_leaves_them_as_they_are(
    built, kind, tmp_path
):
    backbone = {**BACKBONES[0][0], 'fusion': {'type': 'HalvingInPlace'}}
    graph = Graph(built(backbone, 'black')).eval()
    path = tmp_path / 'rgb'
    found = write_graph(graph, path, SIZE, kind, is_fixed=True)
    assert found.batch is None
    run = load_graph(path, kind)
    for n in (1, 2, 2):
        inputs = example(graph, (n, *SIZE), n)
        logits = torch.from_numpy(run(*[x.numpy() for x in inputs]))
        torch.testing.assert_close(logits, graph(*inputs))


def test_a_constant_that_is_wrong_is_found(built, tmp_path, monkeypatch):
    """The file is compared with a graph that computes it."""
    run = GraphConstants.run

    def wrong(self, parts, streams, x):
        levels = run(self, parts, streams, x)
        return [0 * y for y in levels] if streams == [1] else levels

    monkeypatch.setattr(GraphConstants, 'run', wrong)
    graph = Graph(built(BACKBONES[0][0], 'black')).eval()
    with pytest.raises(ValueError, match='the file differs from PyTorch'):
        write_graph(graph, tmp_path / 'rgb', SIZE, 'torchscript', True)


@pytest.mark.parametrize('backbone', [b for b, _ in BACKBONES[2:]])
def test_one_graph_for_all_takes_any_size(built, backbone, tmp_path):
    """Nothing that inference decides by a size is left in a trace."""
    graph = Graph(built(backbone, present=None)).eval()
    found = write_graph(graph, tmp_path / 'present.onnx', SIZE)
    assert (found.batch, found.size) == (None, None)
