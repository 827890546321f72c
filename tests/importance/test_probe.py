"""The networks that an analysis looks at, and its one pass over images."""

import pytest
import torch
from mmseg.structures import SegDataSample

from mmseg_missing.adapters import adapted
from mmseg_missing.importance import ModalityAnalyzer, Placement
from mmseg_missing.importance.analyzer import (
    EvenImages,
    build_probe,
    networks_of,
)
from mmseg_missing.importance.render import drift_chart


@pytest.fixture
def wrapped(tiny):
    backbone = {
        'type': 'AdaptedBackbone',
        'backbone': tiny['backbone'],
        'stack': tiny['stack'],
        'adapter': {'type': 'Shift', 'sites': ['norm']},
    }
    return {**tiny, 'backbone': backbone}


def test_base_alone(build, tiny):
    network = build()

    assert networks_of(network, tiny) == {'base': network}


@pytest.mark.parametrize('kind', ['segmentor', 'backbone'])
def test_base_and_adapted(build, batch, tiny, wrapped, kind):
    model = {**tiny, 'adapter': {'type': 'ScaleShift'}}
    model = model if kind == 'segmentor' else wrapped
    network = build(**model)
    [(_, root)] = adapted(network)
    for row in root.adapters.rows.table.values():
        torch.nn.init.normal_(row)

    networks = networks_of(network, model)

    assert list(networks) == ['base', 'adapted']
    assert networks['adapted'] is network
    assert not any(adapted(networks['base']))
    inputs, samples = batch(network)
    with torch.no_grad(), root.adapters.bypassed():
        expected = network(inputs, samples, mode='tensor')
        bare = networks['base'].eval()(inputs, samples, mode='tensor')
    assert torch.equal(bare, expected)


def test_folded_is_refused(build, tiny):
    network = build(folded={'combination': 'rgb', 'biases': []})

    with pytest.raises(ValueError, match='folded for rgb'):
        networks_of(network, tiny)


def test_probe_is_the_base_with_all_sites(build, batch, tiny):
    network = build()
    probe = build_probe(network, tiny, combinations=['depth']).eval()

    inputs, samples = batch(network)
    with torch.no_grad():
        expected = network(inputs, samples, mode='tensor')
        assert torch.equal(probe(inputs, samples, mode='tensor'), expected)
    assert probe.adapters.rows.names == ('depth',)
    assert all(s.name.startswith('backbone.') for s in probe.adapters.sites)


def test_probe_adapts_what_the_config_adapts(build, wrapped):
    probe = build_probe(build(**wrapped), wrapped, ['norm1'])

    [(name, root)] = adapted(probe)
    assert name == 'backbone'
    assert all(s.name.endswith('.norm1') for s in root.adapters.sites)


def numbered(*has):
    """A data set whose inputs are numbers."""
    return [
        {
            'inputs': torch.tensor(number),
            'data_samples': SegDataSample(metainfo={'present': present}),
        }
        for number, present in enumerate(has)
    ]


def test_images_lie_evenly_and_have_everything():
    full, blind = (True, True), (True, False)
    has = [blind if number == 4 else full for number in range(12)]

    images = EvenImages(numbered(*has), number=6, batch_size=4)

    assert sorted(images.indices) == [0, 2, 4, 6, 8, 10]
    assert len(images) == 2
    seen = [[x.item() for x in batch['inputs']] for batch in images]
    assert sorted(x for xs in seen for x in xs) == [0, 2, 6, 8, 10]
    assert seen == [[x.item() for x in b['inputs']] for b in images]


def test_no_complete_image():
    images = EvenImages(numbered((True, False)), number=9, batch_size=4)

    assert len(images.indices) == 1
    with pytest.raises(ValueError, match='none of 1 images'):
        list(images)


def test_images_of_one_size_make_a_batch():
    data = numbered(*[(True, True)] * 5)
    for index in (1, 4):
        data[index]['inputs'] = torch.full((2, 1), float(index))
    images = EvenImages(data, number=5, batch_size=5)
    assert sorted(len(batch['inputs']) for batch in images) == [2, 3]


@pytest.mark.parametrize('by_modality', [False, True])
def test_modalities_of_one_sensor(build, batch, tiny, by_modality):
    stack = [{**m, 'sensor': 'camera'} for m in tiny['stack']]
    stack.append({'name': 'nir', 'channels': 1})
    backbone = {**tiny['backbone'], 'in_channels': [3, 1, 1]}
    changes = {'stack': stack, 'backbone': backbone}
    network = build(**changes)
    probe = build_probe(network, {**tiny, **changes})
    analyzer = ModalityAnalyzer(
        {'base': network}, probe, list('abcde'), 1, by_modality
    )
    images = [dict(zip(('inputs', 'data_samples'), batch(network)))]

    done = list(analyzer.run(images))

    assert len(done) == analyzer.num_steps(images)
    found = analyzer.scores['base'].report()['mIoU']
    whole = {'', 'rgb+depth+nir', 'rgb+depth', 'nir'}
    players = {'rgb', 'depth', 'nir'} if by_modality else {'camera', 'nir'}
    assert set(found['shapley']) == players
    assert set(found['values']) >= whole
    assert len(found['values']) == (8 if by_modality else 4)
    total = found['values']['rgb+depth+nir'] - found['values']['']
    assert sum(found['shapley'].values()) == pytest.approx(total)
    # Drift and gradients look at what training can draw.
    assert analyzer.combinations == ('rgb+depth', 'nir')
    Placement(missing_rate=0.1, budget=0.5).choose(analyzer)
    chart = drift_chart(analyzer.drift['base'].report(), 'title')
    assert len(chart.axes) == 2


def test_steps_are_what_was_announced(build, batch, tiny):
    network = build()
    probe = build_probe(network, tiny)
    analyzer = ModalityAnalyzer(
        {'base': network}, probe, list('abcde'), batches=1
    )
    inputs, samples = batch(network)
    images = [{'inputs': list(inputs), 'data_samples': samples}] * 2

    done = list(analyzer.run(images))

    assert len(done) == analyzer.num_steps(images)
    assert done[:5] == [
        'base: scores rgb+depth',
        'base: scores rgb',
        'base: scores depth',
        'base: drift rgb',
        'base: drift depth',
    ]
    assert done[5:7] == ['sensitivity rgb', 'sensitivity depth']
    assert analyzer.scores['base'].counts.sum() == 2 * 2 * 37 * 43
