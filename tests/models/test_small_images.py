"""Images that are too small for a network get a sentence."""

import pytest
import torch

from mmseg_missing.models.segmentors import small_images
from mmseg_missing.models.segmentors.small_images import TOO_SMALL

FULL = (True, True)


def images(side):
    return torch.zeros(2, 4, side, side)


@pytest.mark.parametrize('task', ['loss', 'tensor', 'predict'])
def test_size_and_remedy(make_segmentor, make_samples, task):
    model = make_segmentor('mit streams', adapter={'type': 'ScaleShift'})
    samples = make_samples([FULL, FULL], (3, 3))
    with pytest.raises(
        ValueError, match=r'3x3 pixels are too small.*32x32 are.*`Resize'
    ):
        model(images(3), samples, task)


def test_every_network_takes_them_or_says_so(
    network, make_segmentor, make_samples
):
    """Of three backbones and more, whatever their layers say."""
    model = make_segmentor(network)
    for side in (1, 2, 3, 5, 9):
        samples = make_samples([FULL, FULL], (side, side))
        for train in (False, True):
            model.train(train)
            try:
                model(images(side), samples, 'loss')
            except ValueError as error:
                assert f'{side}x{side} pixels' in str(error)


def test_what_is_no_matter_of_size_stays(make_segmentor, make_samples):
    model = make_segmentor('cmnext')
    samples = make_samples([FULL, FULL])
    samples[0].gt_sem_seg.data[:] = 77
    with pytest.raises(IndexError):
        model(torch.zeros(2, 4, 32, 64), samples, 'loss')
    assert not TOO_SMALL.search('CUDA out of memory')


def test_one_process_of_several_runs_nothing(
    make_segmentor, make_samples, monkeypatch
):
    """The others would wait for it for ever."""
    monkeypatch.setattr(small_images, 'get_world_size', lambda: 2)
    model = make_segmentor('mit streams', adapter={'type': 'ScaleShift'})
    samples = make_samples([FULL, FULL], (3, 3))
    with pytest.raises((RuntimeError, ValueError)) as caught:
        model(images(3), samples, 'predict')
    assert 'too small for' not in str(caught.value)
