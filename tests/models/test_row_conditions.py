"""Rows from images and from texts in a whole segmentor."""

import numpy as np
import pytest
import torch

from mmseg_missing.adapters import load_adapter, save_adapter

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)


def adapter(condition):
    rows = {'type': 'hyper', 'condition': condition}
    return {'adapter': {'type': 'ScaleShift', 'rows': rows}}


def trained(model):
    model.adapters.rows.basis.data.normal_(
        0, 0.1, generator=torch.Generator().manual_seed(0)
    )
    model.adapters.samples_seen += 1
    return model


@pytest.fixture
def vectors(tmp_path):
    """A file of two classes with four numbers each."""
    generator = np.random.default_rng(0)
    path = tmp_path / 'vectors.npz'
    names = ('rgb/wall', 'rgb/bed', 'depth/wall', 'depth/bed')
    np.savez(path, **{name: generator.normal(size=4) for name in names})
    return path


@torch.no_grad()
def test_each_image_by_itself(make_segmentor, inputs, make_samples):
    """In a batch as alone; what is absent may be anything; full is base."""
    model = trained(make_segmentor('mit streams', **adapter('image')))
    base = make_segmentor('mit streams')
    base.load_state_dict(model.state_dict(), strict=False)
    base.requires_grad_(False)  # attention sums in another order with it
    both = model(inputs, make_samples([RGB, RGB]))
    spoilt = inputs.clone()
    spoilt[:, 3:] = torch.nan
    assert torch.equal(model(spoilt, make_samples([RGB, RGB])), both)
    for i in (0, 1):  # the constant stream of depth differs with the image
        alone = model(inputs[i : i + 1], make_samples([RGB]))
        # Another batch size, other kernels: numbers near 10 differ by 1e-5.
        torch.testing.assert_close(alone[0], both[i], rtol=1e-5, atol=1e-4)
    full = model(inputs, make_samples([FULL, FULL]))
    assert torch.equal(full, base(inputs, make_samples([FULL, FULL])))


def test_a_step_teaches_what_looks_at_the_image(
    make_segmentor, inputs, make_samples
):
    model = trained(make_segmentor('one resnet', **adapter('image'))).train()
    losses = model.loss(inputs, make_samples([RGB, DEPTH]))
    losses['decode.loss_ce'].backward()
    assert model.adapters.rows.w_image.grad.any()


@torch.no_grad()
def test_a_file_of_vectors_is_needed_once(
    make_segmentor, inputs, make_samples, vectors, tmp_path
):
    condition = {'type': 'text', 'file': str(vectors)}
    model = trained(make_segmentor('one resnet', **adapter(condition)))
    assert condition == {'type': 'text', 'file': str(vectors)}
    path = tmp_path / 'a.safetensors'
    save_adapter(model, path)
    vectors.unlink()
    other = make_segmentor('one resnet', **adapter('text:2x4'))
    load_adapter(other, path)
    samples = make_samples([RGB, DEPTH])
    assert torch.equal(other(inputs, samples), model(inputs, samples))
    with pytest.raises(FileNotFoundError, match=r'condition.file`, or give'):
        make_segmentor('one resnet', **adapter(condition))


@pytest.mark.parametrize(
    ('entries', 'words'),
    [
        ({'rgb/wall': [1, 2], 'depth/bed': [1, 2]}, 'no vector rgb/bed'),
        ({'rgb/wall': [1, 2]}, "no vectors of 'depth'"),
        ({'rgb': [1, 2]}, 'no .npz with a vector'),
        ({'rgb/wall': [1, 2], 'depth/wall': [1]}, 'the shapes'),
        ({'rgb/wall': ['a', 'b']}, 'no .npz with a vector'),
        ({}, 'the shapes'),
        (b'PK nothing', 'no .npz with a vector'),
    ],
)
def test_wrong_files_of_vectors(make_segmentor, tmp_path, entries, words):
    path = tmp_path / 'vectors.npz'
    if isinstance(entries, bytes):
        path.write_bytes(entries)
    else:
        np.savez(path, **entries)
    condition = {'type': 'text', 'file': str(path)}
    with pytest.raises(ValueError, match=words):
        make_segmentor('one resnet', **adapter(condition))
