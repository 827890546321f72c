"""A resumed run that is another one says so."""

import copy

import pytest

from mmseg_missing.engine.hooks import resume_check_hook
from mmseg_missing.engine.resume import differences

HOOK = {'type': 'ResumeCheckHook'}
THEN = """
model = dict(
    adapter=dict(sites=['a', 'b'], type='ScaleShift'),
    fill='zero',
    sampler=dict(keep=('rgb', ), type='uniform'),
    stack=[dict(name='rgb'), dict(channels=1, name='depth')])
optim_wrapper = dict(optimizer=dict(lr=0.01, type='AdamW'))
param_scheduler = [dict(end=2, type='PolyLR')]
randomness = dict(seed=0)
train_cfg = dict(max_epochs=2, val_interval=1)
train_dataloader = dict(batch_size=2, num_workers=0)
work_dir = 'work'
"""


@pytest.fixture
def said(monkeypatch):
    """What the hook logs."""
    said = []
    monkeypatch.setattr(
        resume_check_hook,
        'print_log',
        lambda message, **_: said.append(message),
    )
    return said


@pytest.mark.parametrize(
    ('old', 'new', 'line'),
    [
        ("'zero'", "'black'", "`model.fill`: was 'zero', is 'black'"),
        (
            'lr=0.01',
            'lr=0.1',
            '`optim_wrapper.optimizer.lr`: was 0.01, is 0.1',
        ),
        ("'AdamW'", "'SGD'", "`optim_wrapper.optimizer.type`: was 'AdamW'"),
        ('end=2', 'end=6', '`param_scheduler.0.end`: was 2, is 6'),
        ('max_epochs=2', 'max_epochs=6', '`train_cfg.max_epochs`: was 2'),
        ('batch_size=2', 'batch_size=4', '`train_dataloader.batch_size`'),
        ('seed=0', 'seed=1', '`randomness.seed`: was 0, is 1'),
        ("['a', 'b']", "['a']", "`model.adapter.sites`: was ['a', 'b'], is"),
        ("'uniform'", "'full'", '`model.sampler.type`'),
        ("'depth'", "'hha'", "`model.stack.1.name`: was 'depth', is 'hha'"),
        (
            'fill=',
            "teacher=[dict(type='LogitKL')], fill=",
            "`model.teacher.0.type`: was nothing, is 'LogitKL'",
        ),
    ],
)
def test_what_differs(old, new, line):
    (found,) = differences(THEN, THEN.replace(old, new))
    assert found.startswith('resumed with another `')
    assert line in found


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('num_workers=0', 'num_workers=4'),
        ('val_interval=1', 'val_interval=2'),
        ("'work'", "'elsewhere'"),
        ("('rgb', )", "['rgb']"),
        ('dict(seed=0)', "{'seed': 0}"),
    ],
)
def test_what_does_not_matter(old, new):
    assert differences(THEN, THEN.replace(old, new)) == []


def test_a_config_in_a_checkpoint_is_not_run(tmp_path):
    path = tmp_path / 'written'
    attack = f"model = dict(a=open({str(path)!r}, 'w'))"
    assert len(differences(attack, 'model = dict(a=1)')) == 1
    assert not path.exists()


@pytest.mark.parametrize('then', ['model = <object at 0x1>', b'\0', 3])
def test_a_config_that_is_no_python_is_not_compared(then):
    (line,) = differences(then, 'model = dict(a=1)')
    assert 'not compared' in line


def test_a_config_with_two_names_for_one_value():
    assert differences('model = b = dict(a=1)', 'model = dict(a=1)') == []


def learn(make_runner, config, **settings):
    """Train with a Runner that has its own text as its config."""
    runner = make_runner(hooks=[HOOK], **settings)
    runner.cfg.merge_from_dict(copy.deepcopy(config))
    runner.train()
    return runner


def test_a_resumed_run_says_it(make_runner, said):
    learn(make_runner, {'model': {'fill': 'zero'}}, iters=3)
    learn(make_runner, {'model': {'fill': 'black'}}, resume=True)
    assert said == [
        "resumed with another `model.fill`: was 'zero', is 'black'"
    ]


def test_the_same_run_says_nothing(make_runner, said):
    config = {'model': {'fill': 'zero'}}
    learn(make_runner, config, iters=3)
    learn(make_runner, config, resume=True)
    assert said == []


def test_an_ended_schedule_is_refused(make_runner, said):
    """MMEngine takes the schedule from the checkpoint: its end is at 12."""
    learn(make_runner, {}, iters=6)
    words = 'rate ends at 0 after 12 of 13 iter.*load_from=.*/iter_6.pth'
    with pytest.raises(ValueError, match=words):
        learn(make_runner, {}, iters=13, resume=True)


def test_an_ended_schedule_of_a_new_run_is_said(make_runner, said):
    learn(make_runner, {}, iters=13)
    (line,) = said
    assert 'ends at 0 after 12 of 13 iterations' in line


@pytest.mark.parametrize(
    ('first', 'second'),
    [
        ({'adapter': None}, {'adapter': {'type': 'ScaleShift'}}),
        (
            {'adapter': {'type': 'ScaleShift'}},
            {'adapter': {'type': 'ScaleShift', 'sites': ['backbone.bn1']}},
        ),
        (
            {'adapter': {'type': 'ScaleShift'}},
            {'adapter': {'type': 'ScaleShift', 'combinations': ['rgb']}},
        ),
    ],
)
def test_another_network_is_refused(make_runner, said, first, second):
    sampler = {'type': 'round_robin', 'combinations': ['rgb']}
    first, second = ({**x, 'sampler': sampler} for x in (first, second))
    learn(make_runner, {'model': first}, iters=3, **first)
    words = r'another network \(resumed with another `model\.adapter.*differ'
    with pytest.raises(ValueError, match=words):
        learn(make_runner, {'model': second}, resume=True, **second)
