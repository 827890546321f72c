"""One network in several formats: what they score, weigh and say."""

import json
import logging
from importlib.util import find_spec

import cv2
import pytest
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_missing.apis.formats import KINDS, compare_formats, study
from mmseg_missing.apis.score import score
from mmseg_missing.benchmark.formats import FormatResult, format_table
from mmseg_missing.cli.benchmark import main

needs_onnx = pytest.mark.skipif(
    not (find_spec('onnxruntime') and find_spec('onnx')),
    reason='pip install "mmseg-missing[export]"',
)


@pytest.fixture
def compared(load, files, forgetting):
    """Return a function that compares formats of the tiny network."""

    def compare(*kinds, name='rgb', **options):
        options = {'images': 3, 'repeats': 1, **options}
        given = load('tiny-ssf'), files.base, files.adapter, name, kinds
        with forgetting():
            return {r.name: r for r in compare_formats(*given, **options)}

    return compare


@needs_onnx
def test_files_score_as_the_network_does(
    compared, load, files, tmp_path, monkeypatch
):
    measure = study.memory_of
    monkeypatch.setattr(  # a process takes seconds
        study,
        'memory_of',
        lambda f: measure(f) if f.kind in ('eager', 'onnx') else (1.0, 2.0),
    )
    found = compared('onnx', 'int8')
    assert list(found) == ['eager', 'folded', 'onnx', 'int8']
    assert not any(result.why for result in found.values())
    cfg = load('tiny-ssf')
    cfg.work_dir, cfg.launcher = str(tmp_path), 'none'
    report = score(cfg, files.base, files.adapter, present=['rgb'])
    eager, folded, onnx, int8 = found.values()
    assert eager.miou == pytest.approx(report.miou['rgb'])
    assert eager.agreement == 1 and eager.size == (32, 48)
    assert folded.agreement > 0.999 and onnx.agreement > 0.999
    assert 0.2 < int8.agreement < 1
    assert onnx.miou == pytest.approx(eager.miou, abs=0.1)
    assert int8.file_mib < onnx.file_mib
    # Only numpy and onnxruntime are in that process.
    assert 20 < onnx.libraries_mib < onnx.peak_mib < eager.libraries_mib
    assert all(result.latency_ms['min'] > 0 for result in found.values())
    assert folded.ratio['median'] == 1
    assert logging.root.manager.disable == 0


@TRANSFORMS.register_module()
class LabelAsItWas(BaseTransform):
    """As where a label is loaded after the images were resized."""

    def transform(self, results):
        width_first = results['ori_shape'][::-1]
        results['gt_seg_map'] = cv2.resize(
            results['gt_seg_map'], width_first, interpolation=0
        )
        return results


@needs_onnx
@pytest.mark.parametrize('is_resized', [False, True])
def test_masks_are_found_where_the_network_finds_them(
    load, files, forgetting, monkeypatch, is_resized
):
    """In the graph; but scores are resized before the largest is sought."""
    monkeypatch.setattr(study, 'memory_of', lambda files: (1.0, 2.0))
    seen = []
    write = study.write_graph

    def watched(graph, *args, **options):
        seen.append(graph.argmax)
        return write(graph, *args, **options)

    monkeypatch.setattr(study, 'write_graph', watched)
    cfg = load('tiny-ssf')
    # An odd size, which the network pads.
    cfg.test_dataloader.dataset.size = (30, 43)
    cfg.model.data_preprocessor = {'test_cfg': {'size_divisor': 32}}
    if is_resized:
        cfg.test_dataloader.dataset.pipeline = [
            {'type': 'ResizeModalities', 'scale': (64, 45)},
            {'type': 'LabelAsItWas'},
            {'type': 'PackModalities'},
        ]
    with forgetting():
        rows = list(
            compare_formats(
                cfg,
                files.base,
                files.adapter,
                'rgb',
                ['onnx'],
                images=3,
                repeats=1,
            )
        )
    assert not any(row.why for row in rows)
    assert seen == [not is_resized]
    assert rows[2].agreement > 0.999


def test_what_does_not_work_is_a_row(compared, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError('no compiler here\nat all')

    monkeypatch.setattr(study.torch, 'compile', fail)
    monkeypatch.setattr(study, 'write_graph', fail)
    monkeypatch.setattr(study, 'memory_of', lambda files: (1.0, 2.0))
    found = compared('compiled', 'onnx', 'int8')
    assert found['compiled'].why == 'RuntimeError: no compiler here'
    assert found['onnx'].miou is None and found['onnx'].why
    assert 'no ONNX file' in found['int8'].why
    assert found['folded'].miou is not None and not found['folded'].why
    text = format_table([*found.values()])
    assert '| rgb | compiled: RuntimeError: no compiler here | - |' in text


def test_one_that_fails_on_an_image_keeps_the_others(compared, monkeypatch):
    def load(files, finish=None):
        run = make(files, finish)
        count = iter(range(3))

        def fails(frame):
            if files.kind == 'folded' and next(count) == 2:
                raise ValueError('a strange image')
            return run(frame)

        return fails

    make = study.load_format
    monkeypatch.setattr(study, 'load_format', load)
    monkeypatch.setattr(study, 'memory_of', lambda files: (1.0, 2.0))
    found = compared()
    assert found['folded'].why == 'ValueError: a strange image'
    assert found['folded'].latency_ms is None
    assert found['eager'].ratio['median'] == 1


@pytest.mark.slow
def test_every_format(compared):
    found = compared(*KINDS, name=['rgb+thermal', 'rgb+depth+thermal'])
    assert list(found) == [*KINDS]
    assert not any(result.why for result in found.values())
    for name in ('folded', 'compiled', 'onnx', 'inferencer'):
        assert found[name].agreement > 0.999
    assert 0.8 < found['bf16'].agreement < 1
    assert found['bf16'].file_mib < 0.6 * found['folded'].file_mib


def test_it_says_how_many_images_were_scored(
    load, files, capsys, forgetting, monkeypatch, tmp_path
):
    """The split has three."""
    monkeypatch.setattr(study, 'memory_of', lambda files: (1.0, 2.0))
    given = [load('tiny-ssf').filename, '--formats', 'eager', '--repeats=1']
    given += ['--checkpoint', str(files.base), '--images', '50']
    given += ['--adapter', str(files.adapter)]
    out = tmp_path / 'formats.json'
    with forgetting():
        main([*given, '--present', 'rgb', '--out', str(out)])
    assert '; 3 images of the test split' in capsys.readouterr().out
    found = json.loads(out.read_text())['results']
    assert [result['images'] for result in found] == [3, 3]


def test_the_table():
    result = FormatResult(
        *('rgb', 'onnx', '', 50.0, 0.999, 1.5),
        {'median': 10.0, 'min': 9.0, 'p10': 9.5, 'p90': 12.0},
        {'median': 0.5, 'min': 0.4, 'p10': 0.45, 'p90': 0.6},
        100.0,
    )
    head, line, row = format_table([result]).splitlines()
    assert head.count('|') == line.count('|') == row.count('|') == 11
    assert row == (
        '| rgb | onnx | 50.00 | 99.90 | 1.50 | 10.0 | 9.0 | 0.50 | 0.45-0.60 '
        '| 100 |'
    )


def test_commands(load, files, capsys):
    config = load().filename
    with pytest.raises(ValueError, match='give its --checkpoint'):
        main([config, '--formats'])
    given = [config, '--checkpoint', str(files.base), '--formats', 'onnx']
    main([*given, '--dry-run', '--images', '7', '--present', 'rgb'])
    said = capsys.readouterr().out
    assert 'onnx' in said and '7 images of the test split' in said
    with pytest.raises(ValueError, match='leave --shape out'):
        main([*given, '--shape', '480', '640'])
    with pytest.raises(ValueError, match='folded for rgb already'):
        main([config, '--checkpoint', str(files.folded), '--formats'])
