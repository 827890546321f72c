"""What tools look at before hours go into a run, and say meanwhile."""

import os
import re
import signal
import subprocess
import sys
from functools import partial

import pytest
import torch

from mmseg_missing.adapters import save_adapter
from mmseg_missing.apis import init_model


def test_a_dedicated_network_has_a_folder_of_its_own(run, trained, folder):
    before = trained.base.read_bytes()
    run('train.py', trained.config, '--modalities', 'thermal')
    assert trained.base.read_bytes() == before
    own = folder / 'work_dirs/tiny-thermal/epoch_1.pth'
    run('test.py', trained.config, own, '--modalities', 'thermal')
    assert not list((folder / 'work_dirs/tiny').glob('*thermal*'))


def test_a_folder_of_another_network_is_refused(refused, trained):
    work = trained.base.parent
    config = work / 'tiny.py'
    before = config.read_text()
    arguments = trained.config, '--modalities', 'rgb', '--work-dir', work
    line = refused('train.py', *arguments)
    assert 'modalities: rgb+depth+thermal, here rgb' in line
    assert config.read_text() == before


def test_a_run_may_be_repeated_and_resumed(run, trained, capfd):
    options = '--cfg-options', 'train_cfg.max_epochs=1'
    run('train.py', trained.adapted_config, *options)
    said = capfd.readouterr()
    assert re.search(
        r'adapters: [\d,]+ numbers for a combination, \d+\.\d\d% of the n',
        said.out + said.err,
    )


def test_adapters_on_random_weights_are_refused(refused, trained, tmp_path):
    options = '--cfg-options', 'custom_hooks=[]', f'work_dir={tmp_path}'
    line = refused('train.py', trained.adapted_config, *options)
    assert 'random weights, which are frozen' in line


def test_a_base_without_adapters(refused, trained):
    line = refused('train.py', trained.config, '--base', trained.base)
    assert 'has none' in line


def test_who_has_the_base_needs_no_other_weights(run, trained, tmp_path):
    init = 'model.backbone.init_cfg'
    run(
        'train.py',
        *(trained.adapted_config, '--work-dir', tmp_path),
        *('--cfg-options', f'{init}.type=Pretrained'),
        f'{init}.checkpoint={tmp_path / "gone.pth"}',
    )
    assert (tmp_path / 'adapter.safetensors').is_file()


def test_a_base_that_never_predicts_a_class(run, trained, tmp_path, capfd):
    found = torch.load(trained.base, weights_only=False)
    found['state_dict']['decode_head.conv_seg.bias'][1] = -1e4
    torch.save(found, tmp_path / 'base.pth')
    run(
        'train.py',
        *(trained.adapted_config, '--work-dir', tmp_path / 'work'),
        *('--base', tmp_path / 'base.pth'),
    )
    said = capfd.readouterr()
    assert re.search(
        'on 16 training images the base never predicts .*floor',
        said.out + said.err,
    )


@pytest.mark.parametrize('tool', ['train.py', 'test.py', 'fit_adapter.py'])
def test_classes_in_another_order(refused, trained, tmp_path, tool):
    found = torch.load(trained.base, weights_only=False)
    classes = list(found['meta']['dataset_meta']['classes'])
    found['meta']['dataset_meta']['classes'] = classes[::-1]
    path = tmp_path / 'base.pth'
    torch.save(found, path)
    arguments = {
        'train.py': (
            trained.adapted_config,
            *('--work-dir', tmp_path / 'work'),
            *('--base', path),
        ),
        'test.py': (trained.config, path),
        'fit_adapter.py': (trained.config, path, tmp_path / 'a.safetensors'),
    }[tool]
    line = refused(tool, *arguments)
    assert 'knows the classes in another order' in line


def test_one_exported_combination_loads(run, trained, tmp_path, score):
    """Under the config that it was trained with, of additive rows."""
    cut = tmp_path / 'cut.safetensors'
    option = 'model.adapter.rows=additive'
    run(
        'train.py',
        *(trained.adapted_config, '--work-dir', tmp_path / 'work'),
        *('--cfg-options', option),
    )
    joined = tmp_path / 'work/epoch_1.pth'
    config = tmp_path / 'additive.py'
    config.write_text(
        f'_base_ = {str(trained.adapted_config)!r}\n'
        "model = dict(adapter=dict(rows='additive'))\n"
    )
    arguments = config, joined, cut, '--combination', 'depth'
    run('export_adapter.py', *arguments)
    present = '--present', 'depth'
    (alone,) = score(
        config, trained.base, '--adapter', cut, *present
    ).combinations
    (whole,) = score(config, joined, *present).combinations
    assert alone == whole


def test_progress_without_a_terminal(run, trained, tmp_path, capfd):
    run('test.py', trained.config, trained.base, '--work-dir', tmp_path)
    said = capfd.readouterr()
    lines = re.findall(r'Epoch\(test\) \[(\d)/2\].*eta', said.out + said.err)
    assert lines == ['1', '2']


def test_a_fit_is_scored_on_other_images(run, trained, tmp_path, capsys):
    path = tmp_path / 'a.safetensors'
    arguments = trained.config, trained.base, path, '--batches', 1
    run('fit_adapter.py', *arguments)
    said = capsys.readouterr()
    assert 'mIoU on 2 other training images' in said.out
    assert len(re.findall(r'\| +[+-]\d+\.\d\d \|', said.out)) == 6
    worse = re.findall(r'\| +([\w+]+) .* -\d+\.\d\d \|', said.out)
    warned = f'made the network worse with {", ".join(worse)};'
    assert (warned in said.err) == bool(worse)


def test_a_learned_row_survives_a_joined_checkpoint(trained, tmp_path):
    """Rows of a file and of a joined checkpoint are never mixed."""
    model = init_model(trained.adapted_config, trained.joined)
    assert len(model.adapters.trained) > 1
    path = tmp_path / 'rgb.safetensors'
    save_adapter(model, path, combinations=model.adapters.trained[:1])
    again = init_model(trained.adapted_config, trained.joined, path)
    assert again.adapters.trained == model.adapters.trained[:1]


@pytest.mark.parametrize('epochs', [0, 1])
def test_ctrl_c_says_what_is_left(trained, tools, tmp_path, epochs):
    options = 'train_cfg.max_epochs=1000', 'default_hooks.logger.interval=1'
    process = subprocess.Popen(
        [sys.executable, tools / 'train.py', trained.config]
        + ['--work-dir', str(tmp_path), '--cfg-options', *options]
        + ([] if epochs else ['default_hooks.checkpoint.interval=1000']),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(tools.parent)},
        # Shells let their background ignore Ctrl-C, which children inherit.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        for line in process.stdout:
            if 'Epoch(train)' in line and f' [{epochs + 2}]' in line:
                break
        process.send_signal(signal.SIGINT)
        try:
            said = process.communicate(timeout=60)[1].splitlines()[-1]
        finally:
            process.kill()
    if epochs:
        assert re.search(
            r'interrupted; --resume continues from .*epoch_', said
        )
    else:
        assert 'interrupted; no checkpoint was written yet' in said
