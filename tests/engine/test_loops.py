"""Loops over combinations, in a real Runner with a network of one line."""

import json
import re
import sys
from pathlib import Path
from subprocess import Popen
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.evaluation.metrics import IoUMetric
from mmseg.models import SegTTAModel
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from mmseg_missing.engine import loops
from mmseg_missing.evaluation.failures import Failure
from mmseg_missing.evaluation.per_combination import PerCombination
from mmseg_missing.modality import Stack
from mmseg_missing.torch_versions import autocast_dtype

STACK = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
SAMPLES = [(True, True), (True, True), (False, True)]


class Preprocessor(BaseDataPreprocessor):
    calls = 0

    def forward(self, data, training=False):
        self.calls += 1
        data = super().forward(data, training)
        return {**data, 'inputs': torch.stack(data['inputs'])}


class Network(BaseModel):
    """Right where rgb may be used, all class 0 elsewhere."""

    fill = {'rgb': 'zero', 'depth': 'zero'}
    folded = None
    out_channels = 2

    def __init__(self, stack=STACK):
        super().__init__(data_preprocessor=Preprocessor())
        self.stack = stack
        self.seen = []
        self.under_autocast = False

    def forward(self, inputs, data_samples=None, mode='tensor'):
        assert mode == 'predict' and len(inputs) == len(data_samples)
        self.under_autocast |= bool(autocast_dtype(inputs.device.type))
        for x, sample in zip(inputs, data_samples, strict=True):
            present = tuple(sample.present.tolist())
            self.seen.append((sample.sample_idx, present))
            assert (x == sample.sample_idx).all()
            pred = sample.gt_sem_seg.data * int(sample.present[0])
            logits = torch.nn.functional.one_hot(pred[0], 2).permute(2, 0, 1)
            sample.pred_sem_seg = PixelData(data=pred)
            sample.seg_logits = PixelData(data=9.0 * logits)
        return data_samples

    def predict_masks(self, inputs, data_samples, confidence=False):
        samples = self(inputs, data_samples, 'predict')
        for sample in samples:
            is_fine = sample.seg_logits.data.isfinite().all().item()
            sample.set_metainfo({'finite_scores': is_fine})
            del sample.seg_logits
        return samples


class Frames(Dataset):
    metainfo = {
        'classes': ('wall', 'floor'),
        'palette': ((200, 0, 0), (0, 0, 200)),
        'split': 'val',
    }

    def __init__(self, augmented=False, sizes=((2, 3),) * 3):
        self.augmented, self.sizes = augmented, sizes
        self.decoded = 0
        self.given = []

    def __len__(self):
        return len(SAMPLES)

    def __getitem__(self, index):
        self.decoded += 1
        sample = SegDataSample(
            metainfo={
                'present': SAMPLES[index],
                'sample_idx': index,
                'img_path': f'{index}.png',
            }
        )
        height, width = self.sizes[index]
        label = torch.tensor([[[0, 0, 1], [0, 1, 1]]])
        label = label.tile(1, height // 2, width // 3)
        sample.gt_sem_seg = PixelData(data=label)
        self.given.append(sample)
        inputs = torch.full((4, height, width), float(index))
        if self.augmented:
            return {'inputs': [inputs] * 2, 'data_samples': [sample] * 2}
        return {'inputs': inputs, 'data_samples': sample}


def make_runner(
    tmp_path,
    model=None,
    augmented=False,
    stage='test',
    sampler=(),
    evaluator=None,
    dataset=None,
    hooks=(),
    **cfg,
):
    loader = {
        'dataset': dataset or Frames(augmented),
        'sampler': {
            'type': 'DefaultSampler',
            'shuffle': False,
            **dict(sampler),
        },
        'batch_size': 2,
        'num_workers': 0,
    }
    return Runner(
        model=model or Network(),
        work_dir=str(tmp_path),
        default_scope='mmseg',
        experiment_name=str(tmp_path),
        default_hooks={
            'logger': {'type': 'LoggerHook', 'interval': 1},
            **dict(hooks),
        },
        visualizer={
            'type': 'SegLocalVisualizer',
            'vis_backends': [{'type': 'LocalVisBackend'}],
            'name': str(tmp_path),
        },
        **{
            f'{stage}_dataloader': loader,
            f'{stage}_evaluator': evaluator
            or {'type': 'CombinationIoUMetric'},
            f'{stage}_cfg': {
                'type': f'Combination{stage.title()}Loop',
                **cfg,
            },
        },
    )


@pytest.mark.parametrize('stage', ['test', 'val'])
def test_every_combination_on_images_decoded_once(tmp_path, stage):
    runner = make_runner(tmp_path, stage=stage)
    results = getattr(runner, stage)()
    loop = getattr(runner, f'{stage}_loop')
    assert loop.dataloader.dataset.decoded == len(SAMPLES)
    assert runner.model.data_preprocessor.calls == 2  # batches of 2 and 1
    both, rgb, depth = (True, True), (True, False), (False, True)
    assert runner.model.seen == [
        *((0, both), (1, both), (0, rgb), (1, rgb), (0, depth), (1, depth)),
        (2, depth),  # this one has no rgb
    ]
    # Class 0 everywhere: half of the pixels are right, IoU 1/2 and 0.
    assert results['mIoU/rgb+depth'] == results['mIoU/rgb'] == 100
    assert results['mIoU/depth'] == 25
    assert results['mIoU_mean'] == 75
    report = loop.evaluator.metrics[0].report
    assert [c.images for c in report.combinations] == [2, 2, 3]
    assert (report.modalities, report.fill) == (STACK.names, 'zero')
    assert (report.split, set(report.expected)) == ('val', {0.2, 0.1, 0.05})


def test_callers_samples_stay_as_they_are(tmp_path):
    runner = make_runner(tmp_path)
    runner.test()
    given = runner.test_dataloader.dataset.given
    assert [sample.present for sample in given] == SAMPLES
    assert all('pred_sem_seg' not in sample for sample in given)
    assert all('combination' not in sample for sample in given)


def test_hooks_get_all_outputs_without_logits(tmp_path):
    runner = make_runner(tmp_path)
    calls = []
    runner.call_hook = lambda name, **kwargs: calls.append((name, kwargs))
    runner.test()
    names = [name for name, _ in calls if name.endswith('_iter')]
    assert names == ['before_test_iter', 'after_test_iter'] * 2
    outputs = next(k for n, k in calls if n == 'after_test_iter')['outputs']
    combinations = [sample.combination for sample in outputs]
    assert combinations == ['rgb+depth'] * 2 + ['rgb'] * 2 + ['depth'] * 2
    assert all('pred_sem_seg' in sample for sample in outputs)
    assert not any('seg_logits' in sample for sample in outputs)


def test_log_file_has_the_scores(tmp_path):
    runner = make_runner(tmp_path)
    runner.test()
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert 'Epoch(test) [2/2]' in log
    assert 'mIoU/rgb+depth: 100.0000' in log
    assert "mIoU by the rule 'mmseg', fill zero, split val" in log


@pytest.mark.parametrize(
    ('present', 'expected'),
    [
        ('every', ('rgb+depth', 'rgb', 'depth')),
        ('full', ('rgb+depth',)),
        ('depth+rgb', ('rgb+depth',)),
        (['depth', 'full', 'depth'], ('rgb+depth', 'depth')),
    ],
)
def test_present(tmp_path, present, expected):
    runner = make_runner(tmp_path, present=present)
    assert runner.test_loop.combinations == expected


CAMERA = Stack(
    [
        {'name': 'rgb', 'sensor': 'camera'},
        {'name': 'nir', 'channels': 1, 'sensor': 'camera'},
    ]
)


@pytest.mark.parametrize(
    ('present', 'names', 'scope'),
    [
        ('every', ('rgb+nir',), 'whole sensors'),
        ('subsets', ('rgb+nir', 'rgb', 'nir'), 'all subsets'),
        ('nir', ('nir',), 'sensors split'),
    ],
)
def test_sensors_fail_whole_by_default(tmp_path, present, names, scope):
    runner = make_runner(tmp_path, Network(CAMERA), present=present)
    runner.test()
    report = runner.test_loop.evaluator.metrics[0].report
    assert tuple(report.miou) == names
    assert (report.sensors, report.scope) == (('camera', 'camera'), scope)
    assert set(report.expected) == (
        set() if present == 'nir' else {0.2, 0.1, 0.05}
    )


@pytest.mark.parametrize('augmented', [False, True])
def test_a_batch_of_sizes_gives_what_single_images_give(tmp_path, augmented):
    results = []
    for batch_size in (1, 3):
        folder = tmp_path / str(batch_size)
        dataset = Frames(augmented, sizes=((2, 3), (4, 6), (2, 3)))
        model = SegTTAModel(Network()) if augmented else Network()
        runner = make_runner(folder, model, dataset=dataset)
        runner._test_dataloader['batch_size'] = batch_size
        results.append(runner.test())
        network = model.module if augmented else model
        assert len(network.seen) == (2 + 2 + 3) * (1 + augmented)
    assert results[0] == results[1]
    assert results[0]['mIoU/rgb'] == 100


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_scores_that_are_not_finite_stop(tmp_path, value):
    class Diverged(Network):
        def forward(self, *args, **kwargs):
            samples = super().forward(*args, **kwargs)
            if samples[0].combination == 'depth':
                samples[-1].seg_logits.data[0, 0, 0] = value
            return samples

    runner = make_runner(tmp_path, Diverged())
    with pytest.raises(
        ValueError, match=r'scores of 1\.png under depth are n'
    ):
        runner.test()


@pytest.mark.parametrize('stage', ['test', 'val'])
@pytest.mark.parametrize('is_listed', [False, True])
def test_metric_that_knows_no_combinations(tmp_path, stage, is_listed):
    plain = {'type': 'IoUMetric', 'output_dir': str(tmp_path / 'masks')}
    evaluator = [plain, {'type': 'CombinationIoUMetric'}]
    evaluator = evaluator if is_listed else plain
    runner = make_runner(tmp_path, stage=stage, evaluator=evaluator)
    results = getattr(runner, stage)()
    assert results['rgb/mIoU'] == results['rgb+depth/mIoU'] == 100
    assert results['depth/mIoU'] == 25
    assert results.get('mIoU/depth') == (25 if is_listed else None)
    # `save_best='auto'` watches the first, which adaptation must move.
    assert next(iter(results)).startswith('rgb/')
    masks = tmp_path.glob('masks/**/*.png')
    found = sorted(str(m.relative_to(tmp_path / 'masks')) for m in masks)
    frames = {'rgb+depth': '01', 'rgb': '01', 'depth': '012'}
    expected = [f'{n}/{i}.png' for n, many in frames.items() for i in many]
    assert found == sorted(expected)


def test_metric_without_samples_of_a_combination(tmp_path, monkeypatch):
    """Copies that no rank gave anything to are not asked."""
    monkeypatch.setattr(sys.modules[__name__], 'SAMPLES', [(False, True)] * 3)
    evaluator = {'type': 'IoUMetric', 'prefix': 'plain'}
    results = make_runner(tmp_path, evaluator=evaluator).test()
    assert set(results) == {
        f'depth/plain/{n}' for n in ('aAcc', 'mAcc', 'mIoU')
    }


class Dusk(Failure):
    def __str__(self):
        return 'dusk'


def test_results_of_conditions_lie_apart(tmp_path):
    evaluator = {
        'type': 'DumpResults',
        'out_file_path': str(tmp_path / 'a.pkl'),
    }
    runner = make_runner(tmp_path, evaluator=evaluator, present='rgb')
    for failure in (Failure(), Dusk()):
        runner.test_loop.set_failure(failure)
        runner.test()
    assert (tmp_path / 'rgb/a.pkl').stat().st_size > 0
    assert (tmp_path / 'dusk/rgb/a.pkl').stat().st_size > 0
    assert not (tmp_path / 'a.pkl').exists()


@pytest.mark.parametrize('stage', ['test', 'val'])
@pytest.mark.parametrize('augmented', [False, True])
def test_one_picture_per_combination(tmp_path, stage, augmented):
    """The files of the images are never read: they need be no pictures."""
    hook = {'type': 'SegVisualizationHook', 'draw': True, 'interval': 1}
    model = SegTTAModel(Network()) if augmented else Network()
    runner = make_runner(
        tmp_path,
        model,
        stage=stage,
        dataset=Frames(augmented, sizes=((4, 6), (40, 60), (40, 60))),
        hooks={'visualization': hook},
    )
    getattr(runner, stage)()
    names = {
        path.name.rpartition('_')[0] for path in tmp_path.glob('**/*.png')
    }
    both, alone = ('rgb+depth', 'rgb', 'depth'), ('depth',)
    drawn = {0: both, 1: both if stage == 'test' else (), 2: alone}
    assert names == {
        f'{stage}_{index}_{name}'
        for index, combinations in drawn.items()
        for name in combinations
    }


def test_hook_that_draws_nothing(tmp_path):
    hook = {'type': 'SegVisualizationHook', 'draw': False}
    make_runner(tmp_path, hooks={'visualization': hook}).test()
    assert not list(tmp_path.glob('**/*.png'))


@pytest.mark.parametrize(
    ('watched', 'present', 'is_adapted', 'is_refused'),
    [
        ('mIoU/rgb+depth', 'every', True, True),
        (['mIoU_mean', 'rgb+depth/mIoU'], 'every', True, True),
        ('auto', 'full', True, True),
        ('auto', 'every', True, False),
        ('mIoU_mean', 'every', True, False),
        ('mIoU/rgb+depth', 'every', False, False),
    ],
)
def test_hook_that_watches_what_cannot_move(
    tmp_path, monkeypatch, watched, present, is_adapted, is_refused
):
    kind = 'checkpoint' if watched != 'mIoU/rgb+depth' else 'early'
    hook = {
        'checkpoint': {'type': 'CheckpointHook', 'save_best': watched},
        'early': {'type': 'EarlyStoppingHook', 'monitor': watched},
    }[kind]
    rule = {'rule': 'greater'} if kind == 'early' else {}
    if is_adapted:
        monkeypatch.setattr(loops, 'adapted', lambda root: [('', root)])
        bank = SimpleNamespace(trainable=())
        monkeypatch.setattr(Network, 'adapters', bank, raising=False)
        monkeypatch.setattr(loops, 'check_hooks', lambda root: None)
    runner = make_runner(
        tmp_path, stage='val', hooks={kind: {**hook, **rule}}, present=present
    )
    if is_refused:
        with pytest.raises(ValueError, match="'mIoU_missing'"):
            runner.build_val_loop(runner._val_loop)
    else:
        runner.build_val_loop(runner._val_loop)


@pytest.mark.parametrize(
    'hook',
    [
        {'type': 'CheckpointHook', 'save_best': 'auto'},
        {'type': 'CheckpointHook', 'save_best': ['mIoU/rgb', 'mIoU_mean']},
        {'type': 'EarlyStoppingHook', 'monitor': 'mIoU_missing'},
    ],
)
@pytest.mark.parametrize('rule', ['less', 'greater'])
def test_hook_that_keeps_the_worst(tmp_path, hook, rule):
    runner = make_runner(
        tmp_path, stage='val', hooks={'a': {**hook, 'rule': rule}}
    )
    if rule == 'greater':
        runner.build_val_loop(runner._val_loop)
        return
    with pytest.raises(ValueError, match="set `rule='greater'`"):
        runner.build_val_loop(runner._val_loop)


@pytest.mark.parametrize(
    ('watched', 'is_given'),
    [
        ('mIoU', False),
        ('mIoU/nir', False),
        ('mIoU/depth', True),
        ('E(0.1)', True),
        ('E(0.5)', False),
        ('depth/mIoU', True),
        ('mAcc', False),
    ],
)
def test_hook_that_watches_what_is_not_measured(tmp_path, watched, is_given):
    hook = {'type': 'EarlyStoppingHook', 'monitor': watched}
    runner = make_runner(
        tmp_path,
        stage='val',
        evaluator=[{'type': 'IoUMetric'}, {'type': 'CombinationIoUMetric'}],
        hooks={'early': {**hook, 'rule': 'greater'}},
    )
    if is_given:
        runner.build_val_loop(runner._val_loop)
    else:
        with pytest.raises(
            ValueError, match=f'{re.escape(watched)}.*not measured'
        ):
            runner.build_val_loop(runner._val_loop)


@pytest.mark.parametrize('present', ['lidar', '', [], ['rgb', 'all']])
def test_wrong_present(tmp_path, present):
    with pytest.raises(ValueError, match=r'rgb\+depth'):
        make_runner(tmp_path, present=present).build_test_loop(
            {'type': 'CombinationTestLoop', 'present': present}
        )


def test_folded_network_serves_one_combination(tmp_path):
    model = Network()
    model.folded = 'rgb'
    for number, present in enumerate(['every', ['every'], 'rgb']):
        runner = make_runner(tmp_path / f'{number}', model, present=present)
        assert runner.test_loop.combinations == ('rgb',)
    runner = make_runner(tmp_path / 'full', model, present='full')
    with pytest.raises(ValueError, match=r"folded for rgb.*'full'"):
        runner.build_test_loop(runner._test_loop)


def test_fills_are_described_for_the_tables(tmp_path):
    model = Network()
    model.fill = {'rgb': 'zero', 'depth': 'noise'}
    loop = make_runner(tmp_path, model).test_loop
    assert loop.evaluator.dataset_meta['fill'] == 'rgb=zero, depth=noise'


def test_model_without_a_stack(tmp_path):
    model = Network()
    model.stack = None
    runner = make_runner(tmp_path, model)
    with pytest.raises(TypeError, match=r'got Network; set `model\.type`'):
        runner.build_test_loop(runner._test_loop)


def test_augmentation_wrapper_runs_per_combination(tmp_path):
    wrapper = SegTTAModel(Network())
    runner = make_runner(tmp_path, wrapper, augmented=True)
    results = runner.test()
    assert results['mIoU/rgb'] == 100
    assert results['mIoU/depth'] == 25
    report = runner.test_loop.evaluator.metrics[0].report
    assert [c.images for c in report.combinations] == [2, 2, 3]
    assert len(wrapper.module.seen) == 2 * (2 + 2 + 3)
    given = runner.test_dataloader.dataset.given
    assert [sample.present for sample in given] == SAMPLES


@pytest.mark.parametrize('fp16', [False, True])
def test_autocast(tmp_path, fp16):
    runner = make_runner(tmp_path, fp16=fp16)
    runner.test()
    assert runner.model.under_autocast == fp16


def test_rounding_sampler_is_refused_on_several_ranks(tmp_path, monkeypatch):
    monkeypatch.setattr(loops, 'get_world_size', lambda: 2)
    runner = make_runner(tmp_path)
    with pytest.raises(ValueError, match='round_up=False'):
        runner.build_test_loop(runner._test_loop)


def score_on_rank(rank, folder):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=rank, world_size=2
    )
    metrics = [{'type': 'CombinationIoUMetric'}, {'type': 'IoUMetric'}]
    runner = make_runner(
        folder, sampler={'round_up': False}, evaluator=metrics
    )
    results = runner.test()
    results['images'] = [
        c.images
        for c in runner.test_loop.evaluator.metrics[0].report.combinations
    ]
    (folder / f'{rank}.json').write_text(json.dumps(results, default=float))


@pytest.mark.slow
def test_two_ranks_score_each_sample_once(tmp_path):
    """Rank 0 has the samples 0 and 2, rank 1 has 1."""
    processes = [
        Popen([sys.executable, __file__, str(rank), str(tmp_path)])
        for rank in range(2)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    first, second = (
        json.loads((tmp_path / f'{rank}.json').read_text())
        for rank in range(2)
    )
    assert first['images'] == second['images'] == [2, 2, 3]
    assert first['mIoU/depth'] == second['mIoU/depth'] == 25
    assert first['depth/mIoU'] == second['depth/mIoU'] == 25
    assert first['rgb/aAcc'] == second['rgb/aAcc'] == 100


if __name__ == '__main__':
    score_on_rank(int(sys.argv[1]), Path(sys.argv[2]))


@pytest.mark.parametrize('is_asked', [False, True])
def test_logits_are_for_metrics_that_may_look_at_them(tmp_path, is_asked):
    class Looking(IoUMetric):
        def process(self, data_batch, data_samples):
            assert all('seg_logits' in sample for sample in data_samples)
            super().process(data_batch, data_samples)

    class Counting(Network):
        calls = 0

        def predict_masks(self, inputs, data_samples, confidence=False):
            self.calls += 1
            return super().predict_masks(inputs, data_samples)

    runner = make_runner(tmp_path, Counting())
    evaluator = runner.test_loop.evaluator
    if is_asked:
        names = runner.test_loop.combinations
        metric = PerCombination(Looking(), names, 'rgb+depth')
        metric.dataset_meta = evaluator.dataset_meta
        evaluator.metrics.append(metric)
    results = runner.test()
    assert results['mIoU/rgb'] == 100
    assert runner.model.calls == (0 if is_asked else 4)
