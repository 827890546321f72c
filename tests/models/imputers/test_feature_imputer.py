"""Features of absent streams, predicted."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_missing.adapters import (
    fold_network,
    load_adapter,
    load_adapters,
    read_adapter,
    save_adapter,
    start_from,
)
from mmseg_missing.adapters.fitting.ridge import StreamMoments, ridge_maps
from mmseg_missing.engine.fitting import fit_imputer
from mmseg_missing.models.imputers import FeatureImputer
from mmseg_missing.models.imputers.feature_imputer import (
    LevelImputer,
    pooling_matrix,
)
from mmseg_missing.startup.adapter_configs import predictors_of

SIZE = (37, 43)
STACK = [
    {'name': 'rgb'},
    {'name': 'depth', 'channels': 1},
    {'name': 'thermal', 'channels': 1},
]
ALL, SOME = (True, True, True), (True, False, True)


def build(**model):
    config = {
        'type': 'MissingModalitySegmentor',
        'stack': STACK,
        'backbone': {
            'type': 'MultiStreamBackbone',
            'backbone': {
                'type': 'ResNetV1c',
                'depth': 18,
                'base_channels': 8,
                'num_stages': 4,
                'out_indices': (0, 1, 2, 3),
            },
            'in_channels': [3, 1, 1],
        },
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': 64,
            'channels': 8,
            'num_convs': 1,
            'num_classes': 5,
        },
        **model,
    }
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(config).eval()


@pytest.fixture(scope='module')
def base():
    torch.manual_seed(0)
    return build()


@pytest.fixture
def network(base):
    torch.manual_seed(0)
    model = build(adapter={'type': 'ScaleShift'}, imputer={'rank': 3})
    model.load_state_dict(base.state_dict(), strict=False)
    model.adapters.samples_seen += 1  # rows that are meant to be there
    model.imputer.fitted.fill_(1)
    return model


@pytest.fixture
def moved(network):
    """One whose imputer predicts something that depends on the image."""
    with torch.no_grad():
        for level in network.imputer.levels:
            level.leave.normal_(0, 0.3)
            level.bias.normal_()
            level.mix.normal_(0, 0.1)
            level.add.fill_(0.5)
    return network


def samples(*present):
    found = []
    for flags in present:
        sample = SegDataSample()
        sample.set_metainfo(
            {'present': flags, 'ori_shape': SIZE, 'img_shape': SIZE}
        )
        found.append(sample)
    return found


@torch.no_grad()
def run(model, x, *present):
    return model(x, samples(*present), mode='tensor')


def test_all_present_is_the_base_bit_for_bit(base, moved):
    x = torch.randn(2, 5, *SIZE)
    assert torch.equal(run(moved, x, ALL, ALL), run(base, x, ALL, ALL))
    mixed = run(moved, x, ALL, SOME)
    assert torch.equal(mixed[0], run(base, x, ALL, ALL)[0])


def test_each_sample_by_itself_and_nothing_absent_is_read(moved):
    present = [ALL, SOME, (False, False, True), (True, True, False)]
    x = torch.randn(4, 5, *SIZE)
    together = run(moved, x, *present)
    for i, flags in enumerate(present):
        torch.testing.assert_close(
            run(moved, x[i : i + 1], flags)[0], together[i]
        )
    spoilt = x.clone()
    spoilt[1, 3] = spoilt[2, :4] = spoilt[3, 4] = float('nan')
    assert torch.equal(run(moved, spoilt, *present), together)


def test_absent_streams_do_not_run(moved):
    ran = []
    for m, stream in enumerate(moved.backbone.streams):
        stream.register_forward_hook(lambda *_, m=m: ran.append(m))
    x = torch.randn(2, 5, *SIZE)
    run(moved, x, SOME, (True, False, False))
    assert ran == [0, 2]


def test_what_is_there_tells_what_is_predicted(moved):
    """Features of another image in the slot change the result."""
    x = torch.randn(2, 5, *SIZE)
    first = run(moved, x, SOME, SOME)[0]
    with torch.no_grad():
        for level in moved.imputer.levels:
            level.leave.zero_()
            level.add.zero_()
    assert not torch.allclose(first, run(moved, x, SOME, SOME)[0])


def test_only_imputer_and_rows_learn(network):
    network.train()
    x = torch.randn(2, 5, *SIZE)
    out = network(x, samples(SOME, SOME), mode='tensor')
    out.square().mean().backward()
    moved = {n for n, p in network.named_parameters() if p.grad is not None}
    assert moved and all(n.startswith('adapters.') for n in moved)
    assert any('predictors.features.levels.3.leave' in n for n in moved)
    assert any('.rows.' in n for n in moved)


def test_bitfit_of_the_encoders_learns_beside_it(base):
    """Biases of present streams and the imputer, nothing else."""
    sites = [r'backbone\.streams\..*']
    model = build(
        adapter={'type': 'Bias', 'sites': sites}, imputer={'rank': 3}
    )
    model.load_state_dict(base.state_dict(), strict=False)
    model.imputer.fitted.fill_(1)
    biases = {
        name.rpartition('.')[0]: p.numel()
        for name, p in base.backbone.streams.named_parameters()
        if name.endswith('.bias')
    }
    assert sum(model.adapters.widths) == sum(biases.values()) > 0
    assert len(model.adapters.sites) == len(biases)
    model.train()
    x = torch.randn(2, 5, *SIZE)
    out = model(x, samples(SOME, SOME), mode='tensor')
    out.square().mean().backward()
    learns = {n for n, p in model.named_parameters() if p.grad is not None}
    assert {name.split('.')[1] for name in learns} == {'rows', 'predictors'}
    model.eval()
    assert torch.equal(run(model, x, ALL, ALL), run(base, x, ALL, ALL))


def test_fit_takes_images_that_lack_modalities(network):
    """They count for what they have; of the rest nothing is seen."""

    def fitted(spoil):
        torch.manual_seed(0)
        images = torch.randn(6, 5, *SIZE)
        flags = [
            ALL,
            SOME,
            (True, True, False),
            ALL,
            SOME,
            (False, True, True),
        ]
        if spoil:
            images[1, 3] = images[4, 3] = images[5, :3] = float('nan')
            images[2, 4] += 9
        dataset = [
            {'inputs': x, 'data_samples': sample}
            for x, sample in zip(images, samples(*flags))
        ]
        for item in dataset:  # as training pipelines may
            item['data_samples'].set_metainfo({'flip_direction': 'diagonal'})
        assert fit_imputer(network, dataset, 3, 2) == 6
        state = network.imputer.state_dict()
        return {key: value.clone() for key, value in state.items()}

    first, other = fitted(False), fitted(True)
    assert all(torch.equal(first[key], other[key]) for key in first)
    assert first['levels.0.std'].std() > 0


def test_file_keeps_it(moved, base, tmp_path):
    path = tmp_path / 'adapter.safetensors'
    save_adapter(moved, path, {'fill': moved.fill, 'root': ''})
    torch.manual_seed(1)
    other = build(adapter={'type': 'ScaleShift'}, imputer={'rank': 3})
    other.load_state_dict(base.state_dict(), strict=False)
    load_adapter(other, path)
    x = torch.randn(1, 5, *SIZE)
    assert torch.equal(run(other, x, SOME), run(moved, x, SOME))
    for imputer in (None, {'rank': 2}):
        plain = build(adapter={'type': 'ScaleShift'}, imputer=imputer)
        plain.load_state_dict(base.state_dict(), strict=False)
        with pytest.raises(ValueError, match=r'model\.imputer'):
            load_adapter(plain, path)


@pytest.mark.parametrize('rows', ['additive', 'table'])
def test_warm_start_takes_it_too(moved, base, tmp_path, rows):
    path = tmp_path / 'adapter.safetensors'
    save_adapter(moved, path, {'fill': moved.fill, 'root': ''})
    adapter = {'type': 'ScaleShift', 'rows': rows}
    torch.manual_seed(1)
    other = build(adapter=adapter, imputer={'rank': 3})
    other.load_state_dict(base.state_dict(), strict=False)
    start_from(other, path)
    x = torch.randn(1, 5, *SIZE)
    torch.testing.assert_close(run(other, x, SOME), run(moved, x, SOME))


def test_files_with_it_are_not_joined(base, tmp_path):
    adapter = {'type': 'ScaleShift', 'rows': 'table'}
    model = build(adapter=adapter, imputer={'rank': 3})
    model.load_state_dict(base.state_dict(), strict=False)
    model.adapters.samples_seen += 1
    extra = {'fill': model.fill, 'root': ''}
    paths = []
    for name in ('rgb', 'depth'):
        paths.append(tmp_path / f'{name}.safetensors')
        save_adapter(model, paths[-1], extra, combinations=[name])
    with pytest.raises(ValueError, match=r'predicts.*load it by itself'):
        load_adapters(model, paths)


def test_files_without_it_are_as_they_were(base, tmp_path):
    model = build(adapter={'type': 'ScaleShift'})
    model.load_state_dict(base.state_dict(), strict=False)
    model.adapters.samples_seen += 1
    save_adapter(model, tmp_path / 'adapter.safetensors')
    metadata, _ = read_adapter(tmp_path / 'adapter.safetensors')
    assert 'predictors' not in metadata


def test_before_its_start_the_base_runs(base):
    """Numbers that mean nothing predict nothing."""
    model = build(adapter={'type': 'ScaleShift'}, imputer={'rank': 3})
    model.load_state_dict(base.state_dict(), strict=False)
    model.adapters.samples_seen += 1
    x = torch.randn(1, 5, *SIZE)
    torch.testing.assert_close(run(model, x, SOME), run(base, x, SOME))


def test_folding_keeps_it(moved):
    x = torch.randn(2, 5, *SIZE)
    expected = run(moved, x, SOME, SOME)
    folded = fold_network(moved, 'rgb+thermal', torch.zeros(1, 5, 64, 64))
    assert folded['predictors']['features']['rank'] == 3
    plain = build(folded=folded)
    plain.load_state_dict(moved.state_dict())
    assert not any('adapters' in key for key in plain.state_dict())
    torch.testing.assert_close(
        run(plain, x, SOME, ALL), expected, rtol=1e-4, atol=1e-5
    )
    ran = []
    plain.backbone.streams[1].register_forward_hook(lambda *_: ran.append(1))
    run(plain, x, SOME, SOME)
    assert not ran


def test_needs_adapters_and_streams_apart():
    with pytest.raises(ValueError, match=r'set `model\.adapter`'):
        build(imputer={})
    cmnext = {
        'type': 'CMNeXt',
        'embed_dims': (8, 8, 16, 64),
        'depths': (1, 1, 1, 1),
        'num_heads': (1, 1, 2, 2),
        'in_channels': [3, 1, 1],
    }
    with pytest.raises(ValueError, match='see each other'):
        build(backbone=cmnext, imputer={}, adapter={'type': 'ScaleShift'})


def test_another_stack_is_refused(moved, tmp_path):
    path = tmp_path / 'adapter.safetensors'
    save_adapter(moved, path, {'fill': moved.fill, 'root': ''})
    stack = [*STACK[:2], {'name': 'nir', 'channels': 1}]
    other = build(
        stack=stack, adapter={'type': 'ScaleShift'}, imputer={'rank': 3}
    )
    with pytest.raises(ValueError, match=r'thermal.*nir'):
        load_adapter(other, path)


@pytest.fixture
def adding(base):
    """A residual imputer beside predicted inputs, which both learnt."""
    torch.manual_seed(0)
    model = build(
        adapter={'type': 'ScaleShift'},
        imputer={'rank': 3, 'residual': True},
        fill='predicted',
    )
    model.load_state_dict(base.state_dict(), strict=False)
    model.adapters.samples_seen += 1
    model.imputer.fitted.fill_(1)
    return model


def test_residual_starts_as_the_base_and_moves(base, adding):
    x = torch.randn(1, 5, *SIZE)
    for flags in (ALL, SOME, (False, True, False)):
        assert torch.equal(run(adding, x, flags), run(base, x, flags))
    before = run(adding, x, SOME)
    with torch.no_grad():
        adding.imputer.levels[-1].leave.normal_(0, 0.3)
    features = run(adding, x, SOME)
    assert not torch.equal(features, before)
    with torch.no_grad():
        adding.generator.decode.weight.normal_()
    assert not torch.equal(run(adding, x, SOME), features)
    assert torch.equal(run(adding, x, ALL), run(base, x, ALL))


def test_residual_lies_in_the_file(adding, base, tmp_path):
    with torch.no_grad():
        adding.imputer.levels[-1].leave.normal_(0, 0.3)
    path = tmp_path / 'adapter.safetensors'
    save_adapter(adding, path, {'fill': adding.fill, 'root': ''})
    metadata, _ = read_adapter(path)
    predictors = predictors_of([metadata])
    assert predictors['imputer']['residual'] is True
    again = build(
        adapter={'type': 'ScaleShift'}, fill='predicted', **predictors
    )
    again.load_state_dict(base.state_dict(), strict=False)
    load_adapter(again, path)
    x = torch.randn(1, 5, *SIZE)
    assert torch.equal(run(again, x, SOME), run(adding, x, SOME))


def test_predicted_inputs_that_nobody_sees_are_refused():
    with pytest.raises(ValueError, match=r'model\.imputer\.residual=True'):
        build(
            adapter={'type': 'ScaleShift'},
            imputer={'rank': 3},
            fill={'depth': 'predicted'},
        )


@pytest.mark.parametrize(
    'value',
    [
        {'residual': 1},
        {'rank': 0},
        {'prompts': -1},
        {'rnk': 2},
        {'type': 'SumFusion'},
    ],
)
def test_bad_values_are_named(value):
    with pytest.raises((TypeError, ValueError), match=r'model\.imputer'):
        build(imputer=value, adapter={'type': 'ScaleShift'})


def test_starts_at_the_ridge_maps():
    """With enough rank the start is the linear map between streams."""
    torch.manual_seed(0)
    x = torch.randn(4, 3, 9, 9)
    maps = [x, 2 * x.flip(1) + 1]
    moments = StreamMoments(torch.Generator().manual_seed(0))
    moments.see(maps)
    mean, std, correlation = moments.statistics(2)
    level = LevelImputer(3, 2, rank=6, prompts=0)
    level.mean.copy_(mean)
    level.std.copy_(std)
    level.start(ridge_maps(correlation, 2, penalty=1e-6))
    for m, (there, gone) in enumerate([maps, maps[::-1]]):
        present = torch.zeros(4, 2, dtype=torch.bool)
        present[:, m] = True
        known = [torch.zeros_like(x)] * 2
        known[m] = there
        with torch.no_grad():
            predicted = level.decode(level.encode(known, present), 1 - m)
        torch.testing.assert_close(predicted, gone, rtol=1e-2, atol=2e-2)


def test_counts():
    imputer = FeatureImputer([24, 40], 2, rank=4, prompts=0)
    # Two maps and a bias per stream, one depth-wise filter, per level.
    expected = sum(2 * (2 * 4 * c + c) + 4 * 9 for c in (24, 40))
    assert sum(p.numel() for p in imputer.parameters()) == expected


@pytest.mark.parametrize('size', [(16, 24), (3, 5), (7, 19)])
def test_cells_of_a_graph_are_those_of_adaptive_pooling(size):
    code = torch.randn(2, 3, *size)
    goal = [min(16, side) for side in size]
    rows, columns = map(pooling_matrix, size, goal)
    pooled = torch.nn.functional.adaptive_avg_pool2d(code, goal)
    torch.testing.assert_close(rows @ code @ columns.mT, pooled)
