"""Times, memory and the networks that are compared."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn

from mmseg_missing.benchmark import (
    KINDS,
    Benchmark,
    Variants,
    cost_table,
    held_bytes,
    interleave,
    peak_bytes,
    ratio_spread,
    spread,
)
from mmseg_missing.benchmark.steps import Training, random_batch

TOOL = Path(__file__).parents[2] / 'tools/benchmark.py'
SIZE = (37, 43)
WIDTHS = (8, 8, 16, 16)
MODEL = {
    'type': 'MissingModalitySegmentor',
    'stack': [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}],
    'sampler': 'round_robin',
    'backbone': {
        'type': 'CMNeXt',
        'embed_dims': WIDTHS,
        'depths': (1, 1, 1, 1),
        'num_heads': (1, 1, 2, 2),
        'in_channels': [3, 1],
    },
    'decode_head': {
        'type': 'SegFormerMLPHead',
        'in_channels': WIDTHS,
        'channels': 8,
        'num_classes': 5,
        'align_corners': False,
        'loss_decode': {'type': 'CrossEntropyLoss', 'avg_non_ignore': True},
    },
}


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


@pytest.fixture(scope='module')
def variants():
    with DefaultScope.overwrite_default_scope('mmseg'):
        torch.manual_seed(0)
        return Variants(MODEL)


def scores(variants, kind, combination):
    network = variants.network(kind, combination).eval()
    inputs, samples = random_batch(network, combination, SIZE, 2, 'cpu')
    with torch.no_grad():
        return network(inputs, samples, mode='tensor')


def test_steps_run_in_turn():
    order = []
    steps = {name: lambda name=name: order.append(name) for name in 'abc'}
    shown = []
    seconds = interleave(
        steps, repeats=3, warm_up=1, advance=lambda: shown.append(len(order))
    )
    assert ''.join(order) == 'abcbcacababc'
    assert shown == list(range(1, 13))
    assert {
        name: len(times) for name, times in seconds.items()
    } == dict.fromkeys('abc', 3)
    assert min(min(times) for times in seconds.values()) > 0


def test_spread():
    assert spread([4.0]) == dict.fromkeys(('median', 'min', 'p10', 'p90'), 4)
    values = spread([float(v) for v in range(11)])
    assert values == {'median': 5, 'min': 0, 'p10': 1, 'p90': 9}


def test_ratios_are_within_a_round():
    # A machine that is ten times slower in the second round.
    assert ratio_spread([2, 30, 2], [1, 10, 1])['median'] == 2


def test_peak_counts_what_lives_at_the_same_time():
    kib = 1024

    def step():
        a = torch.zeros(3, kib, dtype=torch.uint8)
        del a
        b = torch.zeros(2, kib, dtype=torch.uint8)
        c = torch.zeros(5, kib, dtype=torch.uint8)
        del b, c

    assert peak_bytes(step) == 7 * kib


def test_held_bytes():
    network = nn.BatchNorm1d(3)  # 4 vectors of 3 floats and one int64
    assert held_bytes(network) == 4 * 3 * 4 + 8
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.randn(5, 3)).sum().backward()
    optimizer.step()  # two moments and a counter per parameter
    held = 4 * 3 * 4 + 8 + 2 * (2 * 3 * 4 + 4)
    assert held_bytes(network, optimizer) == held


@pytest.mark.parametrize('combination', ['rgb+depth', 'rgb', 'depth'])
def test_folded_gives_what_adapted_gives(variants, combination):
    adapted = scores(variants, 'adapted', combination)
    folded = variants.network('folded', combination)
    assert not hasattr(folded, 'adapters') and folded.folded == combination
    torch.testing.assert_close(
        scores(variants, 'folded', combination), adapted
    )
    base = scores(variants, 'base', combination)
    assert torch.equal(base, adapted) == (combination == 'rgb+depth')


@pytest.mark.parametrize('has_wrapper', [False, True])
def test_config_with_adapter(has_wrapper):
    model = {**MODEL, 'adapter': {'type': 'ScaleShift', 'sites': ['fc1']}}
    if has_wrapper:
        stack, adapter = model['stack'], model.pop('adapter')
        model['backbone'] = {
            'type': 'AdaptedBackbone',
            'backbone': MODEL['backbone'],
            'adapter': adapter,
            'stack': stack,
        }
    variants = Variants(model)
    torch.testing.assert_close(
        scores(variants, 'folded', 'rgb'), scores(variants, 'adapted', 'rgb')
    )
    adapted = variants.network('adapted', 'rgb')
    root = adapted.backbone if has_wrapper else adapted
    assert {site.name.split('.')[-1] for site in root.adapters.sites} == {
        'fc1'
    }


def test_weights_are_loaded_into_all(variants):
    state = variants.network('adapted', 'rgb').state_dict()
    copy = Variants(MODEL, load=lambda network: network.load_state_dict(state))
    for kind in KINDS:
        assert torch.equal(
            scores(copy, kind, 'rgb'), scores(variants, kind, 'rgb')
        )


def test_a_training_step_moves_what_learns():
    variants = Variants(MODEL, ['adapted', 'finetune'])
    for kind, moves in (('finetune', True), ('adapted', False)):
        network = variants.network(kind, 'rgb')
        before = network.decode_head.conv_seg.weight.clone()
        step = Training(network, *random_batch(network, 'rgb', SIZE, 2, 'cpu'))
        assert getattr(network, 'adapters', network).training
        full = torch.ones(1, 2, dtype=torch.bool)
        assert torch.equal(network.sampler.draw(full, 0), full)
        step()
        after = network.decode_head.conv_seg.weight
        assert torch.equal(before, after) != moves
        assert all(weight.grad is None for weight in network.parameters())
    rows = network.adapters.rows.table
    state = {name: step.optimizer.state.get(row) for name, row in rows.items()}
    assert state['rgb'] and not state['depth']


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match='check --what'):
        Variants(MODEL, ['base', 'nonsense'])
    folded = {'combination': 'rgb', 'biases': []}
    with pytest.raises(ValueError, match='folded already'):
        Variants({**MODEL, 'folded': folded})


def test_one_modality_has_nothing_to_adapt():
    model = {
        **MODEL,
        'stack': [{'name': 'rgb'}],
        'backbone': {**MODEL['backbone'], 'in_channels': [3]},
    }
    benchmark = Benchmark(Variants(model, ['finetune']), ['rgb'], SIZE)
    assert [kinds for *_, kinds in benchmark._plan()] == [
        ('base',),
        ('finetune',),
    ]


@pytest.fixture(scope='module')
def measured():
    with DefaultScope.overwrite_default_scope('mmseg'):
        shown = []
        benchmark = Benchmark(
            Variants(MODEL), ['rgb+depth', 'rgb'], SIZE, 2, 2, warm_up=1
        )
        results = list(benchmark.run(shown.append))
    assert len(shown) == benchmark.num_steps == 9 * (2 + 1 + 1)
    return results


def test_every_network_is_measured(measured):
    found = [(m.step, m.combination, m.network) for m in measured]
    assert found == [
        *(
            ('forward', name, network)
            for name in ('rgb+depth', 'rgb')
            for network in ('base', 'adapted', 'folded')
        ),
        ('training', 'rgb+depth', 'finetune'),
        ('training', 'rgb', 'finetune'),
        ('training', 'rgb', 'adapted'),
    ]


def test_measurements_are_plausible(measured):
    for m in measured:
        assert m.latency_ms['median'] >= m.latency_ms['min'] > 0
        expected = 2 / (m.latency_ms['median'] / 1e3)
        assert m.images_per_second == pytest.approx(expected)
        assert m.ratio['median'] > 0
        if m.network in ('base', 'finetune'):
            assert m.ratio['median'] == m.ratio['p90'] == 1
        assert m.peak_mib > 4 * m.parameters / 2**20
        assert (m.trainable > 0) == (m.step == 'training')
    *_, finetune, adapted = measured
    assert adapted.trainable < finetune.trainable == finetune.parameters
    assert adapted.peak_mib < finetune.peak_mib


def test_table_and_json(measured):
    table = cost_table(measured, 'a title')
    assert 'a title' in table
    assert len(table.splitlines()) == 4 + len(measured) + 4 + 2
    assert json.loads(json.dumps([asdict(m) for m in measured]))


def test_the_tool(tmp_path):
    config = tmp_path / 'tiny.py'
    config.write_text(f"default_scope = 'mmseg'\nmodel = {MODEL!r}\n")
    arguments = '--shape 37 43 --repeats 1 --present depth --threads 1 --out'
    ended = subprocess.run(
        [sys.executable, TOOL, config, *arguments.split(), 'costs.json'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads((tmp_path / 'costs.json').read_text())
    assert report['setting']['shape'] == [37, 43]
    assert report['setting']['threads'] == 1
    assert 'torch.profiler' in report['setting']['memory_measured_by']
    networks = [r['network'] for r in report['results']]
    assert networks == ['base', 'adapted', 'folded', 'finetune', 'adapted']
    assert 'tiny, 37x43, batch 1; 1 rounds' in ended.stdout
    assert 'Traceback' not in ended.stderr
