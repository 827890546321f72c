"""What an imputer learns from features that the student is not shown."""

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_missing.models.imputers import EmbeddingLoss
from mmseg_missing.models.imputers.embedding_loss import POSITIONS, sampled
from mmseg_missing.models.segmentors.step_counter import StepCounter

SIZE = (33, 47)
STACK = [{'name': 'rgb'}, {'name': 'depth', 'channels': 1}]
FULL, RGB, DEPTH = (True, True), (True, False), (False, True)


def build(loss=None, sampler='round_robin', **imputer):
    torch.manual_seed(0)
    config = {
        'type': 'MissingModalitySegmentor',
        'stack': STACK,
        'backbone': {
            'type': 'MultiStreamBackbone',
            'backbone': {
                'type': 'ResNetV1c',
                'depth': 18,
                'base_channels': 8,
                'num_stages': 4,
                'out_indices': (0, 1, 2, 3),
            },
            'in_channels': [3, 1],
        },
        'decode_head': {
            'type': 'FCNHead',
            'in_channels': 64,
            'channels': 8,
            'num_convs': 1,
            'num_classes': 5,
            'dropout_ratio': 0.0,
        },
        'adapter': {'type': 'ScaleShift'},
        'sampler': sampler,
        'imputer': {'rank': 3, 'loss': loss, **imputer},
    }
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(config).train()
    model.imputer.fitted.fill_(1)
    with torch.no_grad():
        for level in model.imputer.levels:
            level.leave.normal_(0, 0.3)
    return model


def samples(*present):
    found = []
    for flags in present:
        sample = SegDataSample()
        sample.set_metainfo({'present': flags, 'img_shape': SIZE})
        label = torch.arange(SIZE[0] * SIZE[1]).view(1, *SIZE) % 5
        sample.gt_sem_seg = PixelData(data=label)
        found.append(sample)
    return found


def losses(model, x, *present):
    torch.manual_seed(0)
    model.steps = StepCounter(model.stack)  # all draw the same
    return model(x, samples(*present), mode='loss')


def test_by_hand():
    found = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    true = torch.tensor([[1.0, 1.0], [1.0, 3.0]])
    # Squares 0, 1, 4, 1.
    assert EmbeddingLoss()(found, true) == pytest.approx(1.5)
    # Deviations 1 and 2; of half of it one half is lacking.
    loss = EmbeddingLoss(invariance=0, variance=2)
    assert loss(found, true) == pytest.approx(0, abs=1e-6)
    assert loss(found / 2, true) == pytest.approx(0.5, abs=1e-3)
    # Covariances of the pairs 2 and 0, twice each, by 2 channels.
    loss = EmbeddingLoss(invariance=0, covariance=3)
    assert loss(found, true) == pytest.approx(3 * 2 * 2**2 / 2)


def test_no_gradient_reaches_the_target():
    found, true = torch.randn(2, 5, 3, requires_grad=True)
    found, true = found.detach().requires_grad_(), true.detach()
    true.requires_grad_()
    EmbeddingLoss(1, 1, 1)(found, true).backward()
    assert found.grad is not None
    assert true.grad is None


def test_mixed_precision_does_not_round_it():
    torch.manual_seed(0)
    found, true = torch.randn(2, 64, 7)
    loss = EmbeddingLoss(1, 1, 1)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = loss(found, true)
    assert torch.equal(mixed, loss(found, true))


def test_positions_are_the_same_ones():
    x = torch.arange(2.0 * 3 * 40 * 30).view(2, 3, 40, 30)
    one, other = sampled([x, x + 1])
    assert one.shape == (POSITIONS, 3)
    assert torch.equal(one + 1, other)
    assert len(set(one[:, 0].tolist())) == POSITIONS


def test_off_it_changes_nothing():
    x = torch.randn(2, 4, *SIZE)
    without = losses(build(), x, FULL, FULL)
    with_it = losses(build({'invariance': 1.0}), x, FULL, FULL)
    assert 'loss_imputer' not in without
    assert with_it.pop('loss_imputer') > 0
    assert {k: v.item() for k, v in without.items()} == {
        k: v.item() for k, v in with_it.items()
    }


def test_only_what_is_there_and_not_shown_is_compared():
    """A modality that a sample lacks is seen by nobody."""
    model = build({'invariance': 1.0})
    x = torch.randn(3, 4, *SIZE)
    first = losses(model, x, FULL, RGB, DEPTH)
    assert model.drawn.sum() < 4  # something of the first is hidden
    lacking = x.clone()
    lacking[1, 3] = lacking[2, :3] = float('nan')
    again = losses(model, lacking, FULL, RGB, DEPTH)
    assert first == again
    hidden = x.clone()
    m = model.drawn[0].tolist().index(False)
    hidden[0, [slice(0, 3), slice(3, 4)][m]] += 1
    other = losses(model, hidden, FULL, RGB, DEPTH)
    assert other['loss_imputer'] != first['loss_imputer']
    assert other['decode.loss_ce'] == first['decode.loss_ce']


def test_nothing_hidden_has_no_loss():
    model = build({'invariance': 1.0})
    found = losses(model, torch.randn(2, 4, *SIZE), RGB, DEPTH)
    assert 'loss_imputer' not in found


def test_the_target_is_the_frozen_base_of_the_hidden_alone():
    model = build({'invariance': 1.0})
    ran = []
    for m, stream in enumerate(model.backbone.streams):
        stream.register_forward_hook(
            lambda _, args, __, m=m: ran.append((m, len(args[0])))
        )
    x = torch.randn(3, 4, *SIZE)
    losses(model, x, FULL, RGB, RGB)
    [m] = [m for m in (0, 1) if not model.drawn[0, m]]
    assert ran[0] == (m, 1)


def test_it_is_learnt():
    model = build({'invariance': 1.0})
    x = torch.randn(2, 4, *SIZE)
    learnt = [p for p in model.imputer.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(learnt, 0.5)
    found = []
    for _ in range(8):
        loss = losses(model, x, FULL, FULL)['loss_imputer']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < 0.8 * found[0]
    base = [p for n, p in model.named_parameters() if 'adapters.' not in n]
    assert all(p.grad is None for p in base)


@pytest.mark.parametrize(
    ('loss', 'message'),
    [
        ({'invarance': 1.0}, r'model\.imputer\.loss` takes invariance, var'),
        ({'variance': -1}, r'model\.imputer\.loss\.variance` must be at'),
        ({'covariance': 'x'}, r'model\.imputer\.loss\.covariance` takes a'),
        (25.0, r'model\.imputer\.loss` takes a dict'),
    ],
)
def test_bad_values_are_named(loss, message):
    with pytest.raises((TypeError, ValueError), match=message):
        build(loss)


def test_sizes_are_the_streams():
    with pytest.raises(ValueError, match='`channels` and `num_streams` of'):
        build(num_streams=3)
