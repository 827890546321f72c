"""Files that run without the package do what the network does."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmseg_missing.apis import MultiModalInferencer, init_model
from mmseg_missing.apis import export as export_module
from mmseg_missing.apis.export import _rules, export, unit_of
from mmseg_missing.exporting import Graph, manifest_of
from mmseg_missing.modality import Stack
from mmseg_missing.runtime import Runtime

onnxruntime = pytest.importorskip(
    'onnxruntime', reason='pip install "mmseg-missing[export]"'
)
SIZE = (32, 48)


def images(stack, names, size=SIZE):
    generator = np.random.default_rng(0)
    return {
        n: (
            np.array(stack[n].mean)
            + generator.standard_normal((*size, stack[n].channels))
            * np.array(stack[n].std)
        ).astype(np.float32)
        for n in names
    }


@torch.no_grad()
def expected(model, given):
    """Return the logits of the network itself, (classes, h, w)."""
    size = next(iter(given.values())).shape[:2]
    zeros = {m.name: np.zeros((*size, m.channels)) for m in model.stack}
    stacked = np.concatenate([*{**zeros, **given}.values()], 2)
    x = torch.from_numpy(stacked).permute(2, 0, 1).float()
    batch = model.data_preprocessor({'inputs': [x]}, False)
    present = [name in given for name in model.stack.names]
    meta = {'present': present, 'img_shape': size, 'pad_shape': size}
    return model.encode_decode(batch['inputs'], [meta])[0].numpy()


@pytest.fixture
def exported(load, files, tmp_path):
    """Return a function that exports the tiny network."""

    def run(which, **options):
        options = {'size': SIZE, **options}
        cfg = load('tiny-ssf')
        export(cfg, files.base, tmp_path, which, files.adapter, **options)
        return init_model(cfg, files.base, files.adapter), tmp_path

    return run


def test_a_folded_graph_runs_by_its_manifest(exported):
    model, folder = exported('rgb')
    facts = json.loads((folder / 'manifest.json').read_text())
    assert list(facts['files']) == ['rgb']
    assert facts['files']['rgb']['size'] == [*SIZE]
    assert facts['files']['rgb']['error'] <= 1e-4
    rgb = facts['modalities'][0]
    assert rgb['unit'] == '0 to 255, in the order red, green, blue'
    assert rgb['mean'] == list(model.stack['rgb'].mean)
    given = images(model.stack, ['rgb'])
    runtime = Runtime(folder)
    found = runtime(given, mask=False)
    wanted = expected(model, given)
    np.testing.assert_allclose(found, wanted, atol=1e-3, rtol=1e-4)
    assert (runtime(given) == wanted.argmax(0)).all()


def test_torchscript_with_present_serves_all(exported):
    """Any batch, any size, and the rows gathered inside."""
    model, folder = exported('present', kind='torchscript', size=None)
    graph = torch.jit.load(str(folder / 'present.ts'))
    size = (37, 51)
    for name in ('rgb', 'depth+thermal'):
        given = images(model.stack, name.split('+'), size)
        zeros = {m.name: np.zeros((*size, m.channels)) for m in model.stack}
        tensors = [
            torch.from_numpy(x).permute(2, 0, 1)[None].float()
            for x in {**zeros, **given}.values()
        ]
        found = graph(*tensors, model.stack.present(name))[0].numpy()
        wanted = expected(model, given)
        np.testing.assert_allclose(found, wanted, atol=1e-3, rtol=1e-4)


@pytest.fixture
def padding_cfg(load):
    """Return a function that gives a config which pads to multiples."""

    def make(multiple):
        padding = {'size_divisor': multiple}
        cfg = load('tiny-ssf', model__data_preprocessor={'test_cfg': padding})
        cfg.model.data_preprocessor.type = 'ModalityDataPreprocessor'
        cfg.model.data_preprocessor.stack = cfg.model.stack
        return cfg

    return make


def test_sizes_that_a_network_pads_are_refused(padding_cfg, files, tmp_path):
    """The file would serve no image: that of a test is padded before."""
    words = r'multiples of 16 .*never sees 32x50; give --size 32 64, and pad'
    given = padding_cfg(16), files.base, tmp_path, 'rgb', files.adapter
    with pytest.raises(ValueError, match=words):
        export(*given, size=(32, 50), kind='torchscript')


def test_the_size_to_trace_with_fits_the_padding(
    padding_cfg, files, tmp_path, monkeypatch
):
    seen, check = [], export_module.check_graph
    monkeypatch.setattr(
        export_module,
        'check_graph',
        lambda graph, size: (seen.append(size), check(graph, size)),
    )
    given = padding_cfg(40), files.base, tmp_path, 'rgb', files.adapter
    export(*given, kind='torchscript')
    assert seen == [(80, 120)]


def test_a_network_that_pads_in_tests_can_be_exported(
    padding_cfg, files, tmp_path
):
    cfg = padding_cfg(16)
    options = {'kind': 'torchscript', 'size': SIZE}
    facts = export(cfg, files.base, tmp_path, 'rgb', files.adapter, **options)
    assert facts['multiple_of'] == 16
    assert facts['files']['rgb']['error'] <= 1e-4


def test_what_completes_holes_can_be_exported(
    load, files, drawn_adapter, tmp_path
):
    holes = {'type': 'ConvGenerator', 'hidden': 3, 'holes': {'depth': 0.0}}
    fill = {'thermal': 'predicted'}
    cfg = load('tiny-ssf', model__fill=fill, model__generator=holes)
    network, adapter = drawn_adapter(cfg)
    export(cfg, files.base, tmp_path, 'depth', adapter, size=SIZE)
    given = images(network.stack, ['depth'])
    whole = Runtime(tmp_path)(given, mask=False)
    given['depth'][4:20, 4:30] = 0.0
    found = Runtime(tmp_path)(given, mask=False)
    wanted = expected(network, given)
    np.testing.assert_allclose(found, wanted, atol=1e-3, rtol=1e-4)
    assert np.abs(found - whole).max() > 0.01


def test_what_cannot_be_exported_says_why(exported, load, files, tmp_path):
    with pytest.raises(ValueError, match="unknown modality 'hha'"):
        exported('hha')
    slide = {'mode': 'slide', 'crop_size': (32, 32), 'stride': (16, 16)}
    cfg = load('tiny-ssf', model__test_cfg=slide)
    with pytest.raises(ValueError, match='a graph sees whole images'):
        export(cfg, files.base, tmp_path, 'rgb', files.adapter)
    cfg = load('tiny-ssf')
    with pytest.raises(ValueError, match='a format is one of onnx'):
        export(cfg, files.base, tmp_path, 'rgb', files.adapter, 'tflite')


def test_an_export_that_fails_leaves_no_mixture(
    exported, load, files, monkeypatch
):
    """What was there, or no manifest; never old graphs beside new ones."""
    _, folder = exported(['rgb', 'depth'], kind='torchscript')
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 3
    write, left = export_module.write_graph, []

    def failing(graph, path, *args):
        if not left:
            path.write_text('half')
            path.unlink()
            raise ValueError('no such operator')
        left.pop()
        return write(graph, path, *args)

    monkeypatch.setattr(export_module, 'write_graph', failing)
    with pytest.raises(ValueError, match='no such operator'):
        exported(['rgb', 'depth'], kind='torchscript')
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after == before
    left.append(1)
    with pytest.raises(ValueError, match='no such operator'):
        exported(['rgb', 'depth'], kind='torchscript')
    assert sorted(path.name for path in folder.iterdir()) == [
        'depth.ts',
        'rgb.ts',
    ]


@pytest.mark.parametrize('which', ['rgb', 'present'])
def test_a_graph_that_is_not_the_network_is_refused(
    exported, monkeypatch, which
):
    """However well its file agrees with it."""
    logits = Graph._logits

    def otherwise(self, inputs, present):
        return logits(self, inputs.roll(1, 3), present)

    monkeypatch.setattr(Graph, '_logits', otherwise)
    with pytest.raises(ValueError, match='is not what the network does'):
        exported(which, kind='torchscript')


def test_more_classes_than_a_mask_holds(load, files, monkeypatch):
    model = init_model(load('tiny-ssf'), files.base, files.adapter)
    model.out_channels = model.num_classes = 257
    with pytest.raises(ValueError, match='hold 257 classes; export logits'):
        Graph(model, argmax=True)
    Graph(model)
    monkeypatch.setattr(
        MultiModalInferencer, '_init_model', lambda *args: model
    )
    with pytest.raises(ValueError, match='hold 257 classes; call the'):
        MultiModalInferencer(load('tiny-ssf'), files.base)


def test_padding_to_one_size_is_said(load, files, tmp_path):
    """Padding is seen by the network, and no part of a graph."""
    cfg = load('tiny-ssf')
    cfg.model.data_preprocessor = {
        'type': 'ModalityDataPreprocessor',
        'stack': cfg.model.stack,
        'test_cfg': {'size': (64, 64)},
    }
    with pytest.raises(ValueError, match=r'pads .*test_cfg.*64'):
        export(cfg, files.base, tmp_path, 'rgb', files.adapter)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('name', 'form', 'words'),
    [
        ('depth', {}, 'as in training'),
        ('depth', {'folder': 'depth'}, 'as in the file'),
        (
            'depth',
            {'dtype': 'uint16', 'scale': 0.001},
            'value of the file times 0.001 (uint16)',
        ),
        (
            'thermal',
            {'scale': {'uint8': 1, 'uint16': 0.01}, 'offset': -273.15},
            'value of the file times 1 (uint8) or 0.01 (uint16) plus -273.15',
        ),
        (
            'hha',
            {'scale': 0.001, 'encode': {'encoding': 'hha'}},
            'hha, as the data set encodes it',
        ),
        ('rgb', {}, '0 to 255, in the order red, green, blue'),
        (
            'rgb',
            {'scale': 0.5},
            'value of the file times 0.5 (uint8), in the order red, green, '
            'blue',
        ),
    ],
)
def test_units_in_words(name, form, words):
    assert unit_of(name, form) == words


def test_units_are_those_of_the_data_set(load, tmp_path, monkeypatch):
    """Not of the config alone, which may leave them to the class."""
    root = tmp_path / 'frames'
    for folder in ('RGB', 'Depth', 'Label'):
        (root / folder).mkdir(parents=True)
        (root / folder / '1.png').touch()
    (root / 'test.txt').write_text('1\n')
    monkeypatch.chdir(tmp_path)
    cfg = load('tiny-files')
    data = cfg.test_dataloader.dataset
    data.pipeline[1:1] = [{'type': 'ResizeModalities', 'scale': (48, 32)}]
    data.formats = {'rgb': {'suffix': '.png', 'nodata': [0]}}
    model = SimpleNamespace(
        cfg=cfg,
        stack=Stack(cfg.model.stack),
        data_preprocessor=SimpleNamespace(test_cfg=None),
    )
    rules = _rules(model)
    assert rules['units']['depth'] == 'value of the file times 0.001 (uint16)'
    assert rules['pipeline'][:2] == [
        'LoadModalities',
        'ResizeModalities(scale=(48, 32))',
    ]
    assert rules['nodata'] == {'rgb': [0.0]}
    facts = manifest_of(model.stack, {}, 'onnx', False, rules=rules)
    assert facts['modalities'][0]['nodata'] == [0.0]
    assert 'nodata_within' not in facts['modalities'][0]
    assert 'nodata' not in facts['modalities'][1]


def test_the_manifest_says_how_near_a_mark_counts(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = load('tiny-files')
    form = {'scale': 0.001, 'nodata': [-9999, 'nan']}
    cfg.test_dataloader.dataset.formats = {'depth': form}
    model = SimpleNamespace(
        cfg=cfg,
        stack=Stack(cfg.model.stack),
        data_preprocessor=SimpleNamespace(test_cfg=None),
    )
    facts = manifest_of(model.stack, {}, 'onnx', False, rules=_rules(model))
    depth = facts['modalities'][1]
    [value, nan], [within, exact] = depth['nodata'], depth['nodata_within']
    assert abs(-9.999 - value) <= within < 1e-4
    assert (nan, exact) == ('nan', 0)
