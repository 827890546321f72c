"""Networks with several methods, wherever adapters are handled."""

import pytest
import torch
from mmengine.registry import DefaultScope
from torch.testing import assert_close

from mmseg_missing.adapters import adapted, read_adapter, save_adapter
from mmseg_missing.adapters.file_format import encode
from mmseg_missing.apis import init_model
from mmseg_missing.apis.fold import fold_checkpoint
from mmseg_missing.benchmark.variants import Variants
from mmseg_missing.cli.inspect import facts
from mmseg_missing.importance.analyzer import build_probe, networks_of
from mmseg_missing.startup.adapter_configs import adapter_config

LIST = [
    {'type': 'ScaleShift', 'batch_major': ['fuse.0.norm'], 'rows': 'table'},
    {
        'type': 'LowRank',
        'rank': 1,
        'sites': ['.*proj', '.*kv'],
        'alpha_pattern': {'.*kv': 2.0},
    },
]


@pytest.fixture
def config(load):
    """Return a function that gives the config of several methods."""

    def config(methods=LIST, is_wrapped=False):
        cfg = load()
        if not is_wrapped:
            cfg.model.adapter = methods
            return cfg
        cfg.model.backbone = {
            'type': 'AdaptedBackbone',
            'backbone': cfg.model.backbone,
            'adapter': methods,
            'stack': cfg.model.stack,
        }
        return cfg

    return config


def build(cfg, files):
    """Return the network with rows as if they had been trained."""
    model = init_model(cfg, files.base)
    [(_, root)] = adapted(model)
    generator = torch.Generator().manual_seed(0)
    for row in root.adapters.rows.table.values():
        row.data.copy_(0.1 * torch.randn(row.shape, generator=generator))
    root.adapters.samples_seen += 3
    return model


def logits(model, present=(True, False, False)):
    meta = {'present': present, 'img_shape': (32, 64)}
    x = torch.randn(1, 5, 32, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return model.encode_decode(x, [meta])


@pytest.fixture
def saved(config, files, tmp_path):
    """The network, its adapter file and its joined checkpoint."""
    model = build(config(), files)
    path, joined = tmp_path / 'a.safetensors', tmp_path / 'joined.pth'
    save_adapter(model, path, {'fill': model.fill, 'root': ''})
    torch.save({'state_dict': model.state_dict()}, joined)
    return model, path, joined


def test_a_file_says_all(config, load, files, saved):
    model, path, joined = saved
    assert not torch.allclose(
        logits(model), logits(init_model(load(), files.base))
    )
    for cfg in (load(), config()):
        again = init_model(cfg, files.base, path)
        assert torch.equal(logits(again), logits(model))
        assert again.adapters.sites == model.adapters.sites
    assert torch.equal(logits(init_model(config(), joined)), logits(model))
    assert adapter_config(config())['rows'] == 'table'


def test_a_cut_loads_under_both_configs(config, load, files, saved):
    model, path, joined = saved
    cut = path.with_name('rgb.safetensors')
    save_adapter(model, cut, combinations=['rgb'])
    for cfg in (load(), config()):
        again = init_model(
            cfg, joined if cfg.model.get('adapter') else files.base, cut
        )
        assert again.adapters.served == ('rgb',)
        assert torch.equal(logits(again), logits(model))


def test_several_files_are_joined(config, load, files, saved):
    model, path, _ = saved
    names = model.adapters.rows.names
    cuts = [path.with_name(f'{name}.safetensors') for name in names]
    for name, cut in zip(names, cuts):
        save_adapter(model, cut, combinations=[name])
    for cfg in (load(), config()):
        again = init_model(cfg, files.base, cuts)
        assert again.adapters.served == model.adapters.served
        assert torch.equal(logits(again), logits(model))


def test_the_backbone_alone(config, files, tmp_path):
    model = build(config(is_wrapped=True), files)
    path = tmp_path / 'a.safetensors'
    save_adapter(model.backbone, path, {'root': 'backbone'})
    again = init_model(config(is_wrapped=True), files.base, path)
    assert torch.equal(logits(again), logits(model))


@pytest.mark.parametrize('is_wrapped', [False, True])
def test_places_are_looked_for_under_it(config, files, is_wrapped):
    """By a scale and a shift at every site, as under any adapters."""
    model = build(config(is_wrapped=is_wrapped), files)
    cfg = config(is_wrapped=is_wrapped).model
    with DefaultScope.overwrite_default_scope('mmseg'):
        networks = networks_of(model, cfg)
        probe = build_probe(model, cfg)
    assert networks['adapted'] is model
    assert not any(adapted(networks['base']))
    [(_, root)] = adapted(probe)
    majors = [s.name for s in root.adapters.sites if s.is_batch_major]
    assert [name.removeprefix('backbone.') for name in majors] == [
        'fuse.0.norm'
    ]


def test_what_it_costs(config, files):
    with DefaultScope.overwrite_default_scope('mmseg'):
        variants = Variants(config().model)
        networks = [
            variants.network(kind, 'rgb') for kind in ('adapted', 'folded')
        ]
    with torch.no_grad():
        adapted, folded = (logits(network.eval()) for network in networks)
    assert_close(folded, adapted, rtol=1e-4, atol=1e-4)


def test_inspected(saved):
    _, path, _ = saved
    found = facts(*read_adapter(path))
    first, second = found['method'].split('\n')
    assert first.startswith('ScaleShift: ')
    assert second.startswith('LowRank(rank=1, alpha_pattern=')
    totals = [int(line.split()[-2]) for line in (first, second)]
    assert found['numbers'].startswith(f'{sum(totals)} per combination')


@pytest.mark.parametrize(
    ('methods', 'words'),
    [
        (
            [['ScaleShift', {}], ['Nobody', {}]],
            "of type 'Nobody', which nobody",
        ),
        ([['ScaleShift', {'rank': 3}], ['LowRank', {}]], 'lacks, ..rank'),
        ([['ScaleShift', {}], ['LowRank', {'rank': 2**40}]], 'site.*numbers'),
        (
            [['ScaleShift', {}], ['LowRank', {'rank_pattern': {'.*': 1}}]],
            'names layers by patterns',
        ),
    ],
)
def test_what_a_file_says_is_not_believed(load, files, saved, methods, words):
    _, path, _ = saved
    metadata, tensors = read_adapter(path)
    path.write_bytes(encode(tensors, {**metadata, 'methods': methods}))
    with pytest.raises(ValueError, match=words):
        init_model(load(), files.base, path)


def test_folded(config, load, files, saved, tmp_path):
    model, path, _ = saved
    expected = logits(model)
    folded = tmp_path / 'folded.pth'
    fold_checkpoint(load(), files.base, folded, 'rgb', path)
    # float32, summed in another order
    assert_close(
        logits(init_model(load(), folded)), expected, rtol=1e-4, atol=1e-4
    )
