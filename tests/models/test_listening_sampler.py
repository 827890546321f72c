"""A sampler hears what each sample lost, in one process and in two."""

import pytest
import torch

from mmseg_missing.present import places

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
PRESENT = [RGB, DEPTH, DEPTH, RGB]
DICE = {'type': 'DiceLoss'}


@pytest.fixture
def make_model(make_segmentor, make_config):
    """Return a function that gives an adapted network with this sampler."""

    def make(sampler='weighted', losses=None):
        head = make_config('one resnet')['decode_head']
        head['dropout_ratio'] = 0.0
        if losses is not None:
            head['loss_decode'] = losses
        return make_segmentor(
            'one resnet',
            adapter={'type': 'ScaleShift'},
            decode_head=head,
            sampler=sampler,
        )

    return make


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(4, 4, 32, 64, generator=generator)


@pytest.fixture
def samples(make_samples):
    samples = make_samples(PRESENT)
    samples[1].gt_sem_seg.data[:, :20] = 255
    return samples


def heard(model):
    """Return the running losses by name."""
    names = model.stack.incomplete()
    found = model.sampler.state_dict()['loss']
    found = found[places(model.stack.present(names))]
    return dict(zip(names, found.tolist(), strict=True))


def loss_of(model, image, sample):
    losses = model.loss(image[None], [sample])
    return losses['decode.loss_ce'].item()


def test_each_sample_is_heard(make_model, images, samples):
    """Each as if it were alone, whatever its void pixels weigh."""
    model = make_model()
    alone = make_model('full')
    each = [loss_of(alone, i, s) for i, s in zip(images, samples)]
    model.loss(images, samples)
    expected = {
        'rgb': (each[0] + each[3]) / 2,
        'depth': (each[1] + each[2]) / 2,
    }
    assert heard(model) == pytest.approx(expected, rel=1e-5)
    assert expected['rgb'] != pytest.approx(expected['depth'], rel=1e-3)


def test_a_sample_without_a_label_says_nothing(make_model, images, samples):
    model = make_model()
    for sample in samples[1:3]:  # those with depth
        sample.gt_sem_seg.data[:] = 255
    model.loss(images, samples)
    found = heard(model)
    assert found['rgb'] > 0 and found['depth'] != found['depth']


def test_a_loss_of_the_whole_batch(make_model, images, samples):
    """It tells nothing of samples, and is heard of each."""
    model = make_model(losses=DICE)
    losses = model.loss(images, samples)
    whole = losses['decode.loss_dice'].item()
    expected = {'rgb': whole, 'depth': whole}
    assert heard(model) == pytest.approx(expected)


def test_a_validation_loss_is_not_heard(make_model, images, samples):
    model = make_model()
    with torch.no_grad():
        model.loss(images, samples)
    assert all(value != value for value in heard(model).values())


def test_nobody_listens(make_model, images, samples):
    model = make_model('uniform')
    model.loss(images, samples)
    assert model.steps.losses is None


def listen(rank, model, images, samples):
    mine = slice(2 * rank, 2 * rank + 2)
    for _ in range(2):
        model.loss(images[mine], samples[mine])
    return {**model.sampler.state_dict(), 'seen': model.steps.seen}


def test_two_processes_hear_the_same(
    in_two_processes, make_model, images, samples
):
    """And what one process hears of all samples.

    The first rank's samples have RGB once and depth once, as the second's.
    """
    model = make_model()
    states = in_two_processes(listen, model, images, samples)
    for _ in range(2):
        model.loss(images, samples)
    expected = {**model.sampler.state_dict(), 'seen': model.steps.seen}
    assert expected['seen'] == {'rgb': 4, 'depth': 4}
    for key in ('loss', 'lowest'):
        one, two = (state[key].nan_to_num(-1) for state in states)
        assert torch.equal(one, two)
        torch.testing.assert_close(
            states[0][key], expected[key], rtol=1e-6, atol=0, equal_nan=True
        )
    assert states[0]['seen'] == states[1]['seen'] == expected['seen']
