"""A student with adapters and its teacher, the bare base."""

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.structures import PixelData

from mmseg_missing.adapters import load_base
from mmseg_missing.models.segmentors.teaching import run

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
ADAPTER = {'type': 'ScaleShift'}
TEACHER = [
    {'type': 'LogitKL', 'confidence': 0.0},
    {'type': 'ChannelWiseKL'},
    {'type': 'FeatureMSE'},
]
NAMES = {'teacher.loss_kl', 'teacher.loss_cwd', 'teacher.loss_feature'}
AUXILIARY = {
    'type': 'FCNHead',
    'in_channels': 32,
    'in_index': 2,
    'channels': 8,
    'num_classes': 3,
    'align_corners': False,
}


@pytest.fixture(autouse=True)
def first_iteration():
    MessageHub.get_current_instance().update_info('iter', 0)


@pytest.fixture
def make(make_segmentor, train_rows):
    """Return a function that gives a base and the same with a teacher."""

    def make(network='one resnet', train=True, teacher=TEACHER, **settings):
        base = make_segmentor(network)
        settings = {'adapter': ADAPTER, 'teacher': teacher, **settings}
        model = make_segmentor(network, **settings)
        if 'auxiliary_head' not in settings:
            load_base(model, base.state_dict(), 'base.pth')
        if train:
            train_rows(model)
        return base, model.train()

    return make


@pytest.fixture
def make_unlabelled(make_samples):
    """Return a function that gives samples as data sets without labels do."""

    def make(presents):
        samples = make_samples(presents)
        for sample in samples:
            void = torch.full_like(sample.gt_sem_seg.data, 255)
            sample.gt_sem_seg = PixelData(data=void)
            sample.set_metainfo({'labelled': False})
        return samples

    return make


def total(losses):
    return sum(value for key, value in losses.items() if 'loss' in key)


@pytest.mark.parametrize('extra', [{}, {'auxiliary_head': AUXILIARY}])
def test_losses_of_labels_stay_as_they_are(
    make, make_segmentor, inputs, make_samples, extra, train_rows
):
    """Keys and bits are those of MMSegmentation's own loss."""
    _, model = make(**extra)
    plain = make_segmentor('one resnet', adapter=ADAPTER, **extra)
    train_rows(plain).train()
    samples = make_samples([FULL, FULL])
    expected = plain(inputs, samples, 'loss')
    found = model(inputs, samples, 'loss')
    assert set(found) == set(expected) | NAMES
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    assert all(found[name] > 0 for name in NAMES)


def test_several_auxiliary_heads(make, inputs, make_samples):
    _, model = make(auxiliary_head=[AUXILIARY, AUXILIARY])
    found = model(inputs, make_samples([FULL, FULL]), 'loss')
    assert {'aux_0.loss_ce', 'aux_1.loss_ce'} < set(found)


def test_teacher_is_the_bare_base(make, inputs, make_samples):
    """On what is really present, whatever the rows have learnt."""
    base, model = make()
    dirty = inputs.clone()
    dirty[1, 3:] = torch.nan
    metas = [s.metainfo for s in make_samples([FULL, RGB])]
    found = model._ask_teacher(dirty, torch.tensor([FULL, RGB]), metas)
    with torch.no_grad():
        expected = base(dirty, make_samples([FULL, RGB]))
        features = base.extract_feat(torch.nan_to_num(dirty))
    assert torch.equal(found.logits, expected)
    assert not found.logits.requires_grad
    for ours, theirs in zip(found.features, features, strict=True):
        assert torch.equal(ours, theirs)


def test_one_forward_each(make, inputs, make_samples, monkeypatch):
    """Teacher and student run once; the teacher builds no graph."""
    _, model = make()
    seen, forward = [], type(model.decode_head).forward

    def watch(head, features):
        seen.append(torch.is_grad_enabled())
        return forward(head, features)

    monkeypatch.setattr(type(model.decode_head), 'forward', watch)
    runs = []
    model.backbone.register_forward_hook(lambda *_: runs.append(1))
    model(inputs, make_samples([FULL, FULL]), 'loss')
    assert seen == [False, True] and len(runs) == 2


def test_student_has_nothing_to_learn_from_all_that_is_there(
    make, inputs, make_samples
):
    _, model = make(sampler='full')
    losses = model(inputs, make_samples([FULL, FULL]), 'loss')
    for name in NAMES:
        torch.testing.assert_close(
            losses[name], torch.tensor(0.0), rtol=0, atol=1e-6
        )


def test_only_drawn_rows_learn(make, inputs, make_samples):
    _, model = make(sampler='round_robin')
    before = model.adapters.samples_seen.clone()
    losses = model(inputs, make_samples([RGB, RGB]), 'loss')
    total(losses).backward()
    assert (model.adapters.samples_seen - before).tolist() == [2, 0]
    learnt = {
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    assert learnt == {'adapters.rows.table.rgb', 'adapters.rows.anchor'}


@pytest.mark.parametrize('loss', TEACHER, ids=lambda loss: loss['type'])
def test_each_loss_alone_reaches_the_rows(make, inputs, make_unlabelled, loss):
    _, model = make(teacher=loss, sampler='round_robin')
    losses = model(inputs, make_unlabelled([FULL, FULL]), 'loss')
    total(losses).backward()
    for row in model.adapters.rows.table.values():
        assert row.grad.isfinite().all() and row.grad.any()


def test_training_towards_the_teacher(make, inputs, make_unlabelled):
    """Without a label the student comes nearer to the base on everything."""
    base, model = make(train=False, sampler='round_robin')
    samples = make_unlabelled([FULL, FULL])
    optimizer = torch.optim.AdamW(model.adapters.parameters(), lr=1e-2)
    history = []
    for _ in range(8):
        losses = model(inputs, samples, 'loss')
        optimizer.zero_grad()
        total(losses).backward()
        optimizer.step()
        history.append(total(losses).item())
    assert history[-1] < 0.8 * history[0]
    model.eval()
    with torch.no_grad():
        assert torch.equal(model(inputs), base(inputs))


def test_images_without_labels(make, inputs, make_unlabelled):
    """Labels teach nothing there, and no accuracy is claimed."""
    _, model = make()
    losses = model(inputs, make_unlabelled([FULL, FULL]), 'loss')
    assert set(losses) == {'decode.loss_ce'} | NAMES
    assert losses['decode.loss_ce'] == 0
    assert all(value.isfinite() for value in losses.values())


def test_labelled_and_unlabelled_in_one_batch(
    make, inputs, make_samples, make_unlabelled
):
    _, model = make(sampler='full')
    both = [make_samples([FULL])[0], make_unlabelled([FULL])[0]]
    losses = model(inputs, both, 'loss')
    alone = model(inputs[:1], both[:1], 'loss')
    for key in ('decode.loss_ce', 'decode.acc_seg'):
        torch.testing.assert_close(losses[key], alone[key])


@pytest.mark.parametrize('adapter', [None, ADAPTER])
def test_images_without_labels_need_a_teacher(
    make_segmentor, inputs, make_unlabelled, adapter
):
    model = make_segmentor('one resnet', adapter=adapter).train()
    with pytest.raises(ValueError, match=r'set `model\.teacher`'):
        model(inputs, make_unlabelled([FULL, FULL]), 'loss')


def test_losses_of_one_name_add_up(make, inputs, make_samples):
    samples = make_samples([FULL, FULL])

    def losses(*teacher):
        return make(teacher=teacher)[1](inputs, samples, 'loss')

    fine = {'type': 'FeatureMSE', 'levels': [0]}
    coarse = {'type': 'FeatureMSE', 'levels': [3], 'loss_weight': 2.0}
    both = losses(fine, coarse)['teacher.loss_feature']
    expected = sum(losses(x)['teacher.loss_feature'] for x in (fine, coarse))
    torch.testing.assert_close(both, expected)


def test_teacher_adds_no_keys_and_costs_no_inference(
    make, make_segmentor, inputs
):
    _, model = make(train=False)
    plain = make_segmentor('one resnet', adapter=ADAPTER)
    assert set(model.state_dict()) == set(plain.state_dict())
    runs = []
    model.eval().backbone.register_forward_hook(lambda *_: runs.append(1))
    model(inputs)
    assert len(runs) == 1


def test_half_precision(make, inputs, make_samples):
    _, model = make('cmnext')
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(inputs, make_samples([FULL, FULL]), 'loss')
    total(losses).backward()
    assert all(value.isfinite() for value in losses.values())
    for row in model.adapters.rows.table.values():
        assert row.grad.isfinite().all()


DANET = {
    'type': 'DAHead',
    'in_channels': 64,
    'channels': 8,
    'pam_channels': 8,
    'num_classes': 3,
    'align_corners': False,
}


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'adapter': None}, r'frozen base.*set `model\.adapter`'),
        ({'decode_head': DANET}, 'got DAHead'),
        ({'teacher': {'type': 'CrossEntropyLoss'}}, 'got CrossEntropyLoss'),
        ({'teacher': {'type': 'LogitK'}}, r'`model\.teacher` takes LogitKL, '),
        ({'teacher': {'confidence': 0.5}}, 'got None'),
        ({'teacher': {'type': 'LogitKL', 'temperature': 0}}, 'temperature'),
    ],
)
def test_wrong_teacher(make_segmentor, settings, words):
    settings = {'adapter': ADAPTER, 'teacher': TEACHER, **settings}
    with pytest.raises(ValueError, match=words):
        make_segmentor('one resnet', **settings)


def test_adapted_backbone_has_no_teacher(make_segmentor, make_config):
    """Its head learns on: the base is not frozen."""
    config = make_config('one resnet')
    backbone = {
        'type': 'AdaptedBackbone',
        'backbone': config['backbone'],
        'adapter': ADAPTER,
        'stack': config['stack'],
    }
    with pytest.raises(ValueError, match='head included'):
        make_segmentor('one resnet', backbone=backbone, teacher=TEACHER)


def test_weight_decay_pulls_towards_the_base(make, inputs, make_samples):
    """L2-SP: rows are counted from the base, so decay is all it takes."""
    base, model = make(teacher=None)
    rows = list(model.adapters.rows.table.values())
    optimizer = torch.optim.AdamW(rows, lr=0.1, weight_decay=1.0)
    samples = make_samples([RGB, DEPTH])

    def distance():
        with torch.no_grad():
            return (model(inputs, samples) - base(inputs, samples)).norm()

    model.eval()
    far, norms = distance(), [row.norm() for row in rows]
    for _ in range(60):
        for row in rows:
            row.grad = torch.zeros_like(row)
        optimizer.step()
    for row, norm in zip(rows, norms, strict=True):
        torch.testing.assert_close(row.norm(), 0.9**60 * norm)
    assert distance() < 0.01 * far
    with torch.no_grad():
        assert torch.equal(model(inputs), base(inputs))


def test_run_gives_what_the_head_gets(make, inputs):
    base, _ = make()
    output = run(base, inputs)
    assert [len(x[0]) for x in output.features] == [8, 16, 32, 64]
    torch.testing.assert_close(output.logits, base(inputs))
