"""Loops over combinations, in a real Runner with a network of one line."""

import json
import sys
from pathlib import Path
from subprocess import Popen

import pytest
import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from mmseg_missing.engine import loops
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

    stack = STACK
    fill = {'rgb': 'zero', 'depth': 'zero'}
    folded = None
    out_channels = 2

    def __init__(self):
        super().__init__(data_preprocessor=Preprocessor())
        self.seen = []
        self.under_autocast = False

    def forward(self, inputs, data_samples=None, mode='tensor'):
        assert mode == 'predict' and len(inputs) == len(data_samples)
        self.under_autocast |= bool(autocast_dtype(inputs.device.type))
        for x, sample in zip(inputs, data_samples, strict=True):
            self.seen.append((sample.sample_idx, sample.present))
            assert (x == sample.sample_idx).all()
            pred = sample.gt_sem_seg.data * int(sample.present[0])
            logits = torch.nn.functional.one_hot(pred[0], 2).permute(2, 0, 1)
            sample.pred_sem_seg = PixelData(data=pred)
            sample.seg_logits = PixelData(data=9.0 * logits)
        return data_samples


class Frames(Dataset):
    metainfo = {'classes': ('wall', 'floor'), 'split': 'val'}

    def __init__(self, augmented=False):
        self.augmented = augmented
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
        label = torch.tensor([[[0, 0, 1], [0, 1, 1]]])
        sample.gt_sem_seg = PixelData(data=label)
        self.given.append(sample)
        inputs = torch.full((4, 2, 3), float(index))
        if self.augmented:
            return {'inputs': [inputs] * 2, 'data_samples': [sample] * 2}
        return {'inputs': inputs, 'data_samples': sample}


def make_runner(
    tmp_path, model=None, augmented=False, stage='test', sampler=(), **cfg
):
    loader = {
        'dataset': Frames(augmented),
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
        default_hooks={'logger': {'type': 'LoggerHook', 'interval': 1}},
        **{
            f'{stage}_dataloader': loader,
            f'{stage}_evaluator': {'type': 'CombinationIoUMetric'},
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


@pytest.mark.parametrize('present', ['lidar', '', [], ['rgb', 'all']])
def test_wrong_present(tmp_path, present):
    with pytest.raises(ValueError, match=r'rgb\+depth'):
        make_runner(tmp_path, present=present).build_test_loop(
            {'type': 'CombinationTestLoop', 'present': present}
        )


def test_folded_network_serves_one_combination(tmp_path):
    model = Network()
    model.folded = 'rgb'
    runner = make_runner(tmp_path, model)
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
    runner = make_runner(folder, sampler={'round_up': False})
    results = runner.test()
    results['images'] = [
        c.images
        for c in runner.test_loop.evaluator.metrics[0].report.combinations
    ]
    (folder / f'{rank}.json').write_text(json.dumps(results))


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


if __name__ == '__main__':
    score_on_rank(int(sys.argv[1]), Path(sys.argv[2]))
