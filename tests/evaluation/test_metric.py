"""The metric: one matrix per combination, summed over ranks."""

import pytest
import torch

from mmseg_missing.evaluation import CombinationIoUMetric, Report, metric

CLASSES = ('wall', 'floor')


def sample(pred, label, **meta):
    return {
        'pred_sem_seg': {'data': torch.tensor([pred])},
        'gt_sem_seg': {'data': torch.tensor([label])},
        **meta,
    }


HALF = sample([[0, 1], [1, 1]], [[0, 0], [1, 1]], combination='rgb')
GOOD = sample([[0, 0], [1, 1]], [[0, 0], [1, 1]], combination='rgb+depth')


def make_metric(**options):
    built = CombinationIoUMetric(**options)
    built.dataset_meta = {
        'classes': CLASSES,
        'split': 'val',
        'modalities': ('rgb', 'depth'),
        'combinations': ('rgb+depth', 'rgb', 'depth'),
        'fill': 'zero',
    }
    return built


def test_scores_by_combination():
    scored = make_metric()
    scored.process(None, [HALF, GOOD])
    scored.process(None, [HALF])
    results = scored.evaluate(size=2)
    assert results == pytest.approx(
        {
            'mIoU_missing': 350 / 6,
            'mIoU/rgb+depth': 100,
            'mIoU/rgb': 350 / 6,
            'mIoU_mean': (100 + 350 / 6) / 2,
            'mIoU_worst': 350 / 6,
        }
    )
    # What `save_best='auto'` watches must be moved by adaptation.
    assert next(iter(results)) == 'mIoU_missing'
    report = scored.report
    assert [(c.name, c.images) for c in report.combinations] == [
        ('rgb+depth', 1),
        ('rgb', 2),
    ]
    assert (report.fill, report.split) == ('zero', 'val')


def test_expected_once_all_combinations_are_scored():
    scored = make_metric(missing_rates=[0.2], prefix='val')
    scored.process(None, [HALF, GOOD, {**HALF, 'combination': 'depth'}])
    results = scored.evaluate(1)
    expected = (0.64 * 100 + 0.32 * 350 / 6) / 0.96
    assert results['val/E(0.2)'] == pytest.approx(expected)


def test_every_evaluation_starts_anew():
    scored = make_metric()
    for _ in range(2):
        scored.process(None, [HALF])
        scored.evaluate(1)
    assert scored.report.combinations[0].images == 1


def test_without_combinations_all_is_full():
    scored = CombinationIoUMetric(iou_rule='cmnext')
    scored.dataset_meta = {'classes': (*CLASSES, 'cat')}
    plain = {k: v for k, v in HALF.items() if k != 'combination'}
    scored.process(None, [plain])
    assert scored.evaluate(1)['mIoU/full'] == pytest.approx(350 / 9)


def test_what_no_sample_has_is_named(monkeypatch):
    logged = []
    monkeypatch.setattr(
        metric, 'print_log', lambda text, **_: logged.append(text)
    )
    scored = make_metric()
    scored.process(None, [HALF])
    scored.evaluate(1)
    assert 'rgb+depth, depth' in logged[0]
    assert "rule 'mmseg'" in logged[-1]


def test_labels_of_one_class_are_said(monkeypatch):
    logged = []
    monkeypatch.setattr(metric, 'print_log', lambda s, **_: logged.append(s))
    scored = make_metric()
    label = [[0, 255], [0, 0]]
    scored.process(None, [sample([[0, 0]] * 2, label, combination='rgb')])
    scored.evaluate(1)
    assert ["'wall'" in line for line in logged if 'say nothing' in line] == [
        True
    ]
    scored.process(None, [HALF])
    scored.evaluate(1)
    assert sum('say nothing' in line for line in logged) == 1


def test_ranks_are_summed(monkeypatch):
    """The other rank scored one image, under rgb alone, without a mistake."""
    others = {
        (2,): torch.tensor([1, 0]),
        (2, 2, 2): torch.stack([2 * torch.eye(2), torch.zeros(2, 2)]).long(),
        (2, 3, 15): torch.zeros(2, 3, 15).long(),
    }
    monkeypatch.setattr(
        metric,
        'all_gather_object',
        lambda mine: [mine, ['rgb']] if isinstance(mine, list) else [mine],
    )
    monkeypatch.setattr(
        metric, 'all_reduce', lambda mine: mine.add_(others[tuple(mine.shape)])
    )
    scored = make_metric()
    scored.process(None, [HALF, GOOD])
    results = scored.evaluate(size=2)
    assert [c.images for c in scored.report.combinations] == [1, 2]
    assert results['mIoU/rgb+depth'] == 100
    # [[1, 1], [0, 2]] + [[2, 0], [0, 2]] = [[3, 1], [0, 4]]
    assert results['mIoU/rgb'] == pytest.approx(100 * (3 / 4 + 4 / 5) / 2)


def test_files_are_written(tmp_path):
    scored = make_metric(out_dir=str(tmp_path / 'out'))
    scored.process(None, [HALF])
    scored.evaluate(1)
    text = (tmp_path / 'out' / 'report.json').read_text()
    assert Report.from_json(text) == scored.report


def test_mistakes_are_named_early(tmp_path):
    with pytest.raises(ValueError, match='iou_rule'):
        CombinationIoUMetric(iou_rule='mean')
    with pytest.raises(ValueError, match='missing_rates'):
        CombinationIoUMetric(missing_rates=[1.0])
    (tmp_path / 'file').touch()
    with pytest.raises(OSError, match='out_dir'):
        CombinationIoUMetric(out_dir=str(tmp_path / 'file'))


def test_mistakes_in_samples():
    scored = make_metric()
    with pytest.raises(ValueError, match=r'a\.png: label value 7 .* 2 cla'):
        scored.process(None, [sample([[0]], [[7]], seg_map_path='a.png')])
    unlabelled = {'pred_sem_seg': HALF['pred_sem_seg']}
    with pytest.raises(ValueError, match='no label'):
        scored.process(None, [unlabelled])
    with pytest.raises(ValueError, match='no sample was scored'):
        scored.evaluate(1)
    incomplete = {**HALF, 'combination': 'full', 'present': (True, False)}
    with pytest.raises(ValueError, match="'CombinationTestLoop'"):
        scored.process(None, [incomplete])
    with pytest.raises(ValueError, match='metainfo'):
        CombinationIoUMetric().process(None, [HALF])


def test_a_mirrored_label_is_refused():
    flips = {'flip': True, 'flip_direction': 'horizontal'}
    mirrored = sample([[0]], [[0]], label_flipped=True, **flips)
    with pytest.raises(ValueError, match=r'label is mirrored.*`LoadLabel`'):
        make_metric().process(None, [mirrored])
    make_metric().process(None, [sample([[0]], [[0]], **flips)])


def test_samples_scored_twice():
    scored = make_metric()
    scored.process(None, [HALF, HALF])
    with pytest.raises(ValueError, match='round_up=False'):
        scored.evaluate(1)


def evaluated(folder=None, **options):
    scored = make_metric(out_dir=folder and str(folder), **options)
    full = {**GOOD, 'combination': 'rgb+depth'}
    scored.process(None, [HALF, full])
    return scored, scored.evaluate(1)


def test_a_known_base(tmp_path):
    """The half that was wrong with RGB alone, against a base all wrong."""
    base = make_metric(out_dir=str(tmp_path))
    wrong = sample([[1, 1], [0, 0]], [[0, 0], [1, 1]], combination='rgb')
    base.process(None, [wrong, GOOD])
    base.evaluate(1)
    scored, results = evaluated(tmp_path / 'after', base=str(tmp_path))
    assert results['won_back'] == pytest.approx(350 / 6 / 100)
    assert scored.report.won_back == {'rgb': results['won_back']}
    assert Report.read(tmp_path / 'after') == scored.report
    assert scored.gives('won_back') and not base.gives('won_back')
    assert 'won_back' not in evaluated()[1]


def test_a_base_of_other_images_loses_no_scores(tmp_path, monkeypatch):
    base = make_metric(out_dir=str(tmp_path))
    base.process(None, [HALF, HALF, GOOD])
    base.evaluate(2)
    logged = []
    monkeypatch.setattr(metric, 'print_log', lambda s, **_: logged.append(s))
    _, results = evaluated(base=str(tmp_path))
    assert results['mIoU/rgb+depth'] == 100 and 'won_back' not in results
    assert any('not known: it and the base differ in' in s for s in logged)


def test_a_base_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match='no report'):
        make_metric(base=str(tmp_path))
    with pytest.raises(TypeError, match=r'`test_evaluator\.base` takes a pa'):
        make_metric(base=3)
    evaluated(tmp_path)
    with pytest.raises(ValueError, match=r"rule 'mmseg', not by 'cmnext'"):
        make_metric(base=str(tmp_path), iou_rule='cmnext')
