"""Loops that spoil what the network gets, in a real Runner."""

import pytest
import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.runner import Runner
from mmengine.structures import PixelData
from mmseg.models import SegTTAModel
from mmseg.structures import SegDataSample

from mmseg_missing.corruptions import NM_LEVELS, add_sensor_noise, drop_values
from mmseg_missing.evaluation.failures import (
    Failure,
    Noisy,
    RandomMissing,
    parse_failure,
)
from mmseg_missing.evaluation.protocols import Protocol
from mmseg_missing.modality import Stack

STACK = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])


class Preprocessor(BaseDataPreprocessor):
    def forward(self, data, training=False):
        data = super().forward(data, training)
        return {**data, 'inputs': torch.stack(data['inputs'])}


class Network(BaseModel):
    """It remembers what it was given."""

    stack = STACK
    fill = {'rgb': 'zero', 'depth': 'zero'}
    folded = None
    out_channels = 2

    def __init__(self):
        super().__init__(data_preprocessor=Preprocessor())
        self.seen = {}

    def forward(self, inputs, data_samples=None, mode='tensor'):
        for x, sample in zip(inputs, data_samples, strict=True):
            key = sample.sample_idx, sample.combination
            self.seen[key] = x.clone(), tuple(sample.present.tolist())
            sample.pred_sem_seg = PixelData(data=sample.gt_sem_seg.data)
        return data_samples


def frames():
    samples = []
    for index in range(3):
        present = (True, index != 2)
        sample = SegDataSample(
            metainfo={'present': present, 'sample_idx': index}
        )
        sample.gt_sem_seg = PixelData(data=torch.tensor([[[0, 1] * 7] * 11]))
        generator = torch.Generator().manual_seed(index)
        inputs = torch.rand(4, 11, 14, generator=generator) + 1
        samples.append({'inputs': inputs, 'data_samples': sample})
    return samples


class Frames(torch.utils.data.Dataset):
    metainfo = {'classes': ('wall', 'floor')}

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return frames()[index]


@pytest.fixture
def make_runner(tmp_path):
    def make(failure, model=None, batch_size=2):
        return Runner(
            model=model or Network(),
            work_dir=str(tmp_path),
            experiment_name=f'{tmp_path}{failure}{batch_size}',
            default_scope='mmseg',
            log_level='ERROR',
            test_dataloader={
                'dataset': Frames(),
                'sampler': {'type': 'DefaultSampler', 'shuffle': False},
                'batch_size': batch_size,
                'num_workers': 0,
            },
            test_evaluator={'type': 'CombinationIoUMetric'},
            test_cfg={'type': 'CombinationTestLoop', 'failure': failure},
        )

    return make


def test_rmm_loses_values_and_tells_nobody(make_runner):
    runner = make_runner('RMM 0.5')
    runner.test()
    seen = runner.model.seen
    for index, frame in enumerate(frames()):
        had = frame['data_samples'].present
        x, present = seen[index, 'rgb']
        assert present == had
        expected = drop_values(
            frame['inputs'][None], STACK, (True, False), 0.5, [index]
        )
        assert torch.equal(x, expected[0])
        assert 0.2 < (x[3] == 0).float().mean() < 0.8
    x, present = seen[0, 'rgb+depth']
    assert torch.equal(x, frames()[0]['inputs']) and present == (True, True)
    assert (2, 'depth') not in seen  # it never had depth
    report = runner.test_loop.evaluator.metrics[0].report
    assert report.condition == 'RMM 0.5'
    assert report.settings.endswith('split unknown, RMM 0.5')


def test_nm_is_noise_on_what_a_combination_may_use(make_runner):
    runner = make_runner('NM high')
    runner.test()
    for index, frame in enumerate(frames()):
        x, present = runner.model.seen[index, 'rgb']
        assert present == (True, False)
        expected = add_sensor_noise(
            frame['inputs'][None], STACK, NM_LEVELS['high'], [index]
        )
        assert torch.equal(x, expected[0])


@pytest.mark.parametrize('failure', ['RMM 0.25', 'NM low'])
def test_the_size_of_batches_changes_nothing(make_runner, failure):
    one, three = make_runner(failure, None, 1), make_runner(failure, None, 3)
    one.test(), three.test()
    assert one.model.seen.keys() == three.model.seen.keys()
    for key, (x, present) in one.model.seen.items():
        assert torch.equal(x, three.model.seen[key][0])
        assert present == three.model.seen[key][1]


def test_a_failure_can_end(make_runner):
    runner = make_runner('NM mid')
    runner.test()
    loop = runner.test_loop
    loop.set_failure(Failure())
    loop.run()
    x, _ = runner.model.seen[1, 'rgb+depth']
    assert torch.equal(x, frames()[1]['inputs'])
    assert loop.evaluator.metrics[0].report.condition == ''


def test_a_protocol_scores_one_failure_after_the_other(make_runner, tmp_path):
    runner = make_runner(None)
    table = Protocol.parse('NM', STACK.names).run(runner, tmp_path / 'out')
    assert table.columns == ('clean', 'low', 'mid', 'high')
    assert next(iter(table.rows)) == 'rgb+depth'
    x, _ = runner.model.seen[1, 'rgb+depth']
    noise = NM_LEVELS['high']
    expected = add_sensor_noise(frames()[1]['inputs'][None], STACK, noise, [1])
    assert torch.equal(x, expected[0])
    assert (tmp_path / 'out' / 'nm.csv').read_text().startswith('NM,clean,')


def test_not_on_top_of_augmentation(make_runner):
    runner = make_runner('NM mid', SegTTAModel(Network()))
    with pytest.raises(ValueError, match=r'NM mid.*augmentation'):
        runner.build_test_loop(runner._test_loop)


def test_names():
    assert type(parse_failure(None)) is Failure
    assert parse_failure('RMM 0.75') == RandomMissing(0.75)
    assert parse_failure('NM low') == Noisy('low')
    for wrong in ('RMM', 'RMM x', 'RMM 2', 'NM 0.1', 'fog', ''):
        with pytest.raises(ValueError, match=r"'RMM <rate.*\['low'"):
            parse_failure(wrong)
