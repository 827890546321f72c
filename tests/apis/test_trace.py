"""A network scored along a trace: each frame is as it is by itself."""

import json

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS

from mmseg_missing.apis import init_model
from mmseg_missing.apis.score import score
from mmseg_missing.evaluation import CombinationIoUMetric
from mmseg_missing.evaluation.batches import restrict
from mmseg_missing.evaluation.confusion import (
    class_iou,
    confusion_matrix,
    mean_over_classes,
)
from mmseg_missing.evaluation.trace_protocol import TraceProtocol
from mmseg_missing.evaluation.traces import parse_trace
from mmseg_missing.modality import Stack

STACK = Stack([{'name': n} for n in ('rgb', 'depth', 'thermal')])
TOLD = ['depth+thermal', 'rgb', 'depth+thermal']


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / 'rig.csv'
    path.write_text('rgb,depth,thermal\n0,1,1\n1,0,0\n0,1,1\n1,1,1\n')
    return TraceProtocol(parse_trace(str(path), STACK))


@pytest.fixture
def record(monkeypatch, load, files, tmp_path):
    """Return a function that scores, and all that the metric was given."""
    process = CombinationIoUMetric.process

    def record(batch_size, **options):
        seen = {}

        def listen(metric, data_batch, data_samples):
            for sample in data_samples:
                key = sample['sample_idx'], sample['combination']
                assert key not in seen
                seen[key] = {
                    k: sample[k]['data'].clone()
                    for k in ('seg_logits', 'pred_sem_seg', 'gt_sem_seg')
                }
            process(metric, data_batch, data_samples)

        monkeypatch.setattr(CombinationIoUMetric, 'process', listen)
        monkeypatch.setattr(CombinationIoUMetric, 'needs_logits', True)
        cfg = load('tiny-ssf', work_dir=str(tmp_path / 'work'))
        cfg.test_dataloader.batch_size = batch_size
        cfg.launcher = 'none'
        return score(cfg, files.base, files.adapter, **options), seen

    return record


def test_a_frame_is_as_under_its_combination_alone(record, trace, tmp_path):
    report, alone = record(1)
    table, followed = record(1, protocol=trace, out=tmp_path / 'out')
    assert sorted(followed) == list(enumerate(TOLD))
    for key, frame in followed.items():
        assert torch.equal(frame['seg_logits'], alone[key]['seg_logits'])
    _, in_pairs = record(2, protocol=trace)
    for key, frame in in_pairs.items():
        assert torch.equal(frame['pred_sem_seg'], alone[key]['pred_sem_seg'])

    matrices = [
        confusion_matrix(f['pred_sem_seg'][0], f['gt_sem_seg'][0], 11)
        for f in followed.values()
    ]
    pooled = mean_over_classes(class_iou(sum(matrices)), report.rule)
    frames = {name: frames for name, (frames, _) in table.rows.items()}
    assert frames == {'all frames': 3, 'depth+thermal': 2, 'rgb': 1}
    assert table.rows['all frames'][1] == pooled
    assert table.trace.switches == 2
    written = json.loads((tmp_path / 'out' / 'trace.json').read_text())
    assert written['switches'] == 2
    assert written['rows']['rgb'] == {
        'frames': 1,
        'miou': table.rows['rgb'][1],
    }
    text = (tmp_path / 'out' / 'trace_frames.csv').read_text()
    assert text == 'rgb,depth,thermal\n0,1,1\n1,0,0\n0,1,1\n'
    lines = (tmp_path / 'out' / 'trace.csv').read_text().splitlines()
    assert lines[:2] == ['trace,frames,mIoU', f'all frames,3,{pooled:.4f}']
    assert 'switches between frames: 2' in table.to_text()


def test_a_stale_sensor_shows_its_last_frame_exactly(
    record, load, files, tmp_path
):
    path = tmp_path / 'stale.csv'
    path.write_text('rgb,depth,thermal\n1,1,1\n1,stale,0\n1,stale,stale\n')
    protocol = TraceProtocol(parse_trace(str(path), STACK))
    table, followed = record(1, protocol=protocol, out=tmp_path / 'out')
    _, in_pairs = record(2, protocol=protocol)
    cfg = load('tiny-ssf')
    network = init_model(cfg, files.base, files.adapter)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    images, samples = [], []
    for i in range(3):
        batch = pseudo_collate([dataset[i]])
        batch = network.data_preprocessor(batch, False)
        images.append(batch['inputs'])
        samples += batch['data_samples']
    # Depth and thermal of frame 2 are those of frame 0, whatever came since.
    for frame, names in ((1, 'rgb+depth'), (2, STACK.full)):
        x = torch.cat((images[frame][:, :3], images[0][:, 3:]), 1)
        assert not torch.equal(x, images[frame])
        told = restrict([samples[frame]], STACK.present(names)[0])
        with torch.no_grad():
            [expected] = network(x, told, mode='predict')
        found = followed[frame, names]
        assert torch.equal(found['seg_logits'], expected.seg_logits.data)
        pair = in_pairs[frame, names]['pred_sem_seg']
        assert torch.equal(pair, found['pred_sem_seg'])
    assert table.to_text().endswith('stale images: 3')
    assert (tmp_path / 'out' / 'trace_frames.csv').read_text() == (
        path.read_text()
    )


def test_mistakes(record, trace, tmp_path):
    with pytest.raises(ValueError, match='leave --present out'):
        record(1, protocol=trace, present=['rgb'])
    (tmp_path / 'rig.csv').write_text('rgb,depth,thermal\n1,1,1\n')
    short = parse_trace(str(tmp_path / 'rig.csv'), STACK)
    with pytest.raises(
        ValueError, match=r'after frame 1, and the data set has 3;'
    ):
        record(1, protocol=TraceProtocol(short))
