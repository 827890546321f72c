"""The segmentor: who has what, fills, draws, inference."""

import copy
import warnings

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from mmseg.models import SegTTAModel
from mmseg.registry import MODELS
from torch import nn

from mmseg_missing.adapters import adapted, fold
from mmseg_missing.modality import Stack
from mmseg_missing.models.segmentors.stack_checks import check_in_channels
from mmseg_missing.sampling import build_sampler

FULL, RGB, DEPTH = (True, True), (True, False), (False, True)
ADAPTER = {'adapter': {'type': 'ScaleShift'}}


@pytest.fixture(scope='module')
def base(make_segmentor):
    return make_segmentor('one resnet')


@pytest.fixture
def adapted_model(make_pair):
    return make_pair('one resnet')[1]


@torch.no_grad()
def test_present_comes_from_the_metainfo(base, inputs, make_samples):
    """Flags as tuples, lists or tensors; without them all is present."""
    mixed = base(inputs, make_samples([RGB, None]))
    zeroed = inputs.clone()
    zeroed[0, 3:] = 0
    assert torch.equal(mixed, base(zeroed))
    assert not torch.equal(mixed[0], base(inputs)[0])
    for flags in ([True, False], torch.tensor([True, False])):
        assert torch.equal(base(inputs, make_samples([flags, None])), mixed)


@pytest.mark.parametrize('present', [(False, False), (True,), (True,) * 3])
@pytest.mark.parametrize('mode', ['tensor', 'predict', 'loss'])
def test_wrong_present(base, inputs, make_samples, present, mode):
    with pytest.raises(ValueError, match='`present` needs 2 entries'):
        base(inputs, make_samples([FULL, present]), mode)


@pytest.mark.parametrize('found', ['depth+rgb', 'rgb+range', 'rgb'])
@pytest.mark.parametrize('mode', ['tensor', 'predict', 'loss'])
def test_data_of_another_stack(base, inputs, make_samples, found, mode):
    samples = make_samples([FULL, FULL])
    samples[0].set_metainfo({'stack': 'rgb+depth'})
    base(inputs, samples, mode)
    samples[1].set_metainfo({'stack': found})
    with pytest.raises(ValueError, match='same `modalities`') as error:
        base(inputs, samples, mode)
    assert f'is rgb+depth but the data set delivers {found};' in str(error)


@pytest.mark.parametrize('mode', ['tensor', 'predict', 'loss'])
@pytest.mark.parametrize('fill', ['zero', 'black', 'noise', 'copy:rgb'])
def test_nan_in_an_absent_input(base, inputs, make_samples, fill, mode):
    model = copy.copy(base)
    model.fill = dict.fromkeys(model.stack.names, fill)
    dirty = inputs.clone()
    dirty[0, 3:] = torch.nan
    dirty[1, :3] = torch.nan
    samples = make_samples([RGB, DEPTH])
    clean = model(inputs, copy.deepcopy(samples), mode)
    found = model(dirty, copy.deepcopy(samples), mode)
    if mode == 'predict':
        clean, found = ([s.seg_logits.data for s in x] for x in (clean, found))
        clean, found = torch.stack(clean), torch.stack(found)
    if mode == 'loss':
        clean, found = clean['decode.loss_ce'], found['decode.loss_ce']
    assert found.isfinite().all() and torch.equal(found, clean)


@torch.no_grad()
def test_noise_belongs_to_the_image(make_segmentor, inputs, make_samples):
    model = make_segmentor('one resnet', fill='noise')
    one, two = make_samples([RGB, RGB])
    expected = model(inputs, [one, two])
    swapped = model(inputs.flip(0), [two, one]).flip(0)
    torch.testing.assert_close(swapped, expected)
    two.set_metainfo({'sample_idx': 99})
    again = model(inputs, [one, two])
    torch.testing.assert_close(again[0], expected[0])
    assert not torch.allclose(again[1], expected[1])


def test_modes_agree(adapted_model, inputs, make_samples):
    model, samples = adapted_model, make_samples([RGB, DEPTH])
    with torch.no_grad():
        expected = model(inputs, samples)
        logits = model.encode_decode(inputs, [s.metainfo for s in samples])
        predicted = model(inputs, samples, 'predict')
    expected = nn.functional.interpolate(expected, (32, 64), mode='bilinear')
    torch.testing.assert_close(logits, expected)
    for sample, each in zip(predicted, expected, strict=True):
        torch.testing.assert_close(sample.seg_logits.data, each)
    losses = model(inputs, samples, 'loss')
    labels = torch.stack([s.gt_sem_seg.data[0] for s in samples])
    loss = nn.functional.cross_entropy(expected, labels)
    torch.testing.assert_close(losses['decode.loss_ce'], loss)


def test_predict_without_samples(adapted_model, inputs):
    with torch.no_grad():
        found = adapted_model(inputs, mode='predict')
    assert len(found) == 2 and found[0].pred_sem_seg.data.shape == (1, 32, 64)


@torch.no_grad()
def test_slide_inference(make_pair, inputs, make_samples):
    """Crops know what their images have; NaN does not leak."""
    cut = {'mode': 'slide', 'crop_size': (32, 32), 'stride': (32, 32)}
    base, model = make_pair('one resnet', test_cfg=cut)
    dirty = inputs.clone()
    dirty[1, 3:] = torch.nan
    samples = make_samples([FULL, RGB])
    metas = [sample.metainfo for sample in samples]
    found = model.inference(dirty, metas)
    halves = [
        model.encode_decode(half.contiguous(), metas)
        for half in dirty.split(32, 3)
    ]
    assert torch.equal(found, torch.cat(halves, 3))
    assert torch.equal(found[0], base.inference(inputs, metas)[0])
    model.test_cfg.mode = 'whole'
    whole = model.inference(dirty, metas)
    assert whole.isfinite().all() and not torch.equal(whole, found)


@torch.no_grad()
def test_augmented_testing(adapted_model, make_samples):
    model = adapted_model
    raw = 3 * torch.rand(4, 32, 64)
    flipped, sample = make_samples([RGB])[0], make_samples([RGB])[0]
    flipped.set_metainfo({'flip': True, 'flip_direction': 'horizontal'})
    wrapper = SegTTAModel(model)
    data = {'inputs': [[raw], [raw.flip(2)]]}
    data['data_samples'] = [[sample], [flipped]]
    (found,) = wrapper.test_step(copy.deepcopy(data))
    views = [
        model.test_step({'inputs': [x], 'data_samples': [s.clone()]})[0]
        for x, s in ((raw, sample), (raw.flip(2), flipped))
    ]
    # MMSegmentation turns a flipped view's logits back by itself.
    mean = sum(v.seg_logits.data.softmax(0) for v in views) / 2
    torch.testing.assert_close(found.pred_sem_seg.data[0], mean.argmax(0))
    assert not wrapper.train().module.backbone.training


@torch.no_grad()
def test_adapters_after_the_samples_block(adapted_model, inputs):
    """A backbone alone is not told, and nothing stays told."""
    adapted_model(inputs)
    with pytest.raises(RuntimeError, match='MissingModalitySegmentor'):
        adapted_model.extract_feat(inputs)
    broken = inputs[:, :3]  # the backbone fails within the block
    with pytest.raises(RuntimeError):
        adapted_model(broken)
    with pytest.raises(RuntimeError, match='MissingModalitySegmentor'):
        adapted_model.extract_feat(inputs)


def iteration(number):
    MessageHub.get_current_instance().update_info('iter', number)


def test_training_draws_from_what_is_present(
    make_pair, inputs, make_samples, monkeypatch
):
    """Forced by seeing which rows learn."""
    _, model = make_pair('one resnet', sampler='round_robin')
    rows = model.adapters.rows.table
    model.train()
    # Two samples take the two rows in turn; one that lacks depth cannot.
    for presents, counts in (
        ([FULL, FULL], [1, 1]),
        ([RGB, RGB], [2, 0]),
        ([FULL, DEPTH], [1, 1]),
    ):
        iteration(0)
        model.zero_grad()
        model.adapters.samples_seen.zero_()
        losses = model(inputs, make_samples(presents), 'loss')
        losses['decode.loss_ce'].backward()
        assert model.adapters.samples_seen.tolist() == counts
        learnt = [row.grad is not None for row in rows.values()]
        assert learnt == [count > 0 for count in counts]


def test_draw_follows_the_iteration(make_pair, inputs, make_samples):
    _, model = make_pair('one resnet', sampler='uniform')
    model.train()

    def counts(number):
        iteration(number)
        model.adapters.samples_seen.zero_()
        model(inputs, make_samples([FULL, FULL]), 'loss')
        return model.adapters.samples_seen.tolist()

    found = [counts(number) for number in range(12)]
    assert [counts(number) for number in range(12)] == found
    assert len({tuple(c) for c in found}) > 2
    iteration(0)


def test_full_sampler_counts_nothing(adapted_model, inputs, make_samples):
    """All present: no row learns, yet the loss can go backward."""
    model = adapted_model.train()
    model.sampler = build_sampler(model.stack, 'full')
    start = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    losses = model(inputs, make_samples([FULL, FULL]), 'loss')
    losses['decode.loss_ce'].backward()
    optimizer.step()
    for key, value in model.state_dict().items():
        assert torch.equal(value, start[key]), key


@torch.no_grad()
def test_testing_counts_and_draws_nothing(make_pair, inputs, make_samples):
    _, model = make_pair('one resnet', sampler='round_robin')
    before = model.adapters.samples_seen.clone()
    expected = model(inputs)
    for mode in ('tensor', 'predict'):
        model(inputs, make_samples([FULL, FULL]), mode)
    assert torch.equal(model.adapters.samples_seen, before)
    assert torch.equal(model(inputs), expected)


def test_whole_step_moves_adapters_only(make_pair, inputs, make_samples):
    _, model = make_pair('cmnext', sampler='round_robin')
    model.train()
    start = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
    for number in range(2):
        iteration(number)
        optimizer.zero_grad()
        losses = model(inputs, make_samples([FULL, FULL]), 'loss')
        losses['decode.loss_ce'].backward()
        optimizer.step()
    iteration(0)
    changed = {
        key
        for key, value in model.state_dict().items()
        if not torch.equal(value, start[key])
    }
    assert changed == {
        'adapters.rows.table.rgb',
        'adapters.rows.table.depth',
        'adapters.samples_seen',
    }


def test_train_keeps_everything_frozen(adapted_model):
    for mode in (True, False, True):
        assert adapted_model.train(mode) is adapted_model
        for name, module in adapted_model.named_modules():
            expected = mode and name.startswith('adapters')
            assert module.training == expected, name
    learnt = {
        n for n, w in adapted_model.named_parameters() if w.requires_grad
    }
    assert all(name.startswith('adapters.') for name in learnt) and learnt


def test_base_trains_as_usual(base):
    base.train()
    assert all(module.training for module in base.modules())
    assert all(weight.requires_grad for weight in base.parameters())
    base.eval()


def test_frozen_and_identity_after_init_weights(
    make_segmentor, network, inputs, make_samples
):
    model = make_segmentor(network, **ADAPTER)
    model.init_weights()
    model.train()
    for name, weight in model.named_parameters():
        assert weight.requires_grad == name.startswith('adapters.'), name
    assert not any(row.any() for row in model.adapters.rows.parameters())
    base = make_segmentor(network)
    base.load_state_dict(model.state_dict(), strict=False)
    base.requires_grad_(False)
    samples = make_samples([RGB, DEPTH])
    with torch.no_grad():
        assert torch.equal(model(inputs, samples), base(inputs, samples))


def test_adapters_add_keys_and_change_none(make_segmentor, network):
    base = make_segmentor(network)
    model = make_segmentor(network, **ADAPTER)
    result = model.load_state_dict(base.state_dict(), strict=False)
    assert set(result.missing_keys) == {
        'adapters.rows.table.rgb',
        'adapters.rows.table.depth',
        'adapters.rows.anchor',
        'adapters.samples_seen',
    }
    assert not result.unexpected_keys
    assert all(
        site.name.startswith('backbone.') for site in model.adapters.sites
    )


def test_untrained_row_warns(make_segmentor, inputs, make_samples):
    model = make_segmentor('one resnet', **ADAPTER)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        model(inputs)
    with pytest.warns(match="row of 'rgb' was never trained"):
        model(inputs, make_samples([RGB, FULL]))


def test_folded(make_pair, make_segmentor, inputs, make_samples):
    _, model = make_pair('cmnext')
    samples = make_samples([RGB, RGB])
    with torch.no_grad():
        expected = model(inputs, samples)
        biases = fold(model, 'rgb')
        folded = model(inputs, samples)
        plain = make_segmentor(
            'cmnext', folded={'combination': 'rgb', 'biases': biases}
        )
        plain.load_state_dict(model.state_dict())
        assert torch.equal(plain(inputs, samples), folded)
    torch.testing.assert_close(folded, expected, rtol=1e-3, atol=1e-3)
    assert biases and not any(adapted(model))
    assert plain.folded == 'rgb'
    with torch.no_grad():  # it sees its combination, whatever else is there
        full = make_samples([FULL, FULL])
        assert torch.equal(plain(inputs, full), plain(inputs, samples))
    with pytest.raises(ValueError, match=r'folded for rgb.*only depth'):
        plain(inputs, make_samples([(False, True), FULL]))


def test_copies_are_independent(adapted_model, inputs, make_samples):
    twin = copy.deepcopy(adapted_model)
    samples = make_samples([RGB, DEPTH])
    with torch.no_grad():
        expected = adapted_model(inputs, samples)
        assert torch.equal(twin(inputs, samples), expected)
        for row in twin.adapters.rows.parameters():
            row += 0.1
        assert not torch.equal(twin(inputs, samples), expected)
        assert torch.equal(adapted_model(inputs, samples), expected)


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'fill': 'mean'}, "unknown fill 'mean'"),
        ({'fill': {'lidar': 'zero'}}, "modality 'lidar' in `model.fill`"),
        ({'sampler': 'random'}, r"unknown sampler 'random'; `model\.sampler`"),
        ({'sampler': {'type': 'full', 'p': 1}}, r'`model\.sampler`.*p'),
        ({'adapter': {'type': 'LoRa'}}, r"method 'LoRa'.*`model\.adapter\.ty"),
        ({'adapter': {'type': 'ResNet'}}, r"'ResNet'.*`model\.adapter\.type`"),
        ({'adapter': {'site': ['fc']}}, r"keys \['site'\] in `model\.adapter"),
        (
            {'adapter': {'type': 'ScaleShift', 'rank': 4}},
            r"keys \['rank'\] in `model\.adapter`.*; LowRank has `rank`$",
        ),
        ({'adapter': {'sites': ['fc']}}, r"'fc' matched no.*adapter\.sites`"),
        ({'adapter': {'rows': 'list'}}, r'`model\.adapter\.rows`'),
        (
            {'adapter': {'combinations': ['rgb+lidar']}},
            r'`model\.adapter\.combinations`: unknown modality',
        ),
        ({'adapter': {'combinations': ['rgb+depth']}}, 'miss something'),
        ({'folded': {'combination': 'lidar', 'biases': []}}, 'unknown modal'),
        ({'folded': {'combination': 'rgb', 'biases': ['x']}}, "no layer 'x'"),
        ({'folded': {'combination': 'rgb'}}, r'`model\.folded`.*biases'),
        (
            {
                'folded': {'combination': 'rgb', 'biases': []},
                'adapter': {'type': 'ScaleShift'},
            },
            'exclude each other',
        ),
        ({'stack': []}, 'check `modalities`'),
    ],
)
def test_wrong_keys(make_segmentor, settings, words):
    with pytest.raises(ValueError, match=words):
        make_segmentor('one resnet', **settings)


@pytest.mark.parametrize('channels', [[1, 3], [3], [3, 3], [2, 2], [[1], 3]])
def test_channels_that_divide_a_modality(make_config, channels):
    config = make_config('resnet streams')
    config['backbone']['in_channels'] = channels
    wrapped = {**config, 'backbone': {'backbone': config['backbone']}}
    for wrong in (config, wrapped):
        with pytest.raises(ValueError, match=r'rgb\+depth .*in_channels` is'):
            MODELS.build(ConfigDict(wrong))


@pytest.mark.parametrize('channels', [[3, 1], [[3], 1], [[3, 1]], [4], 4])
def test_channels_that_fit(channels):
    stack = Stack([{'name': 'rgb'}, {'name': 'depth', 'channels': 1}])
    check_in_channels(stack, {'type': 'Any', 'in_channels': channels})
    check_in_channels(stack, {'type': 'Any'})
    check_in_channels(stack, None)


@pytest.mark.parametrize('mode', ['tensor', 'predict', 'loss'])
def test_a_head_for_other_levels(
    make_config, make_segmentor, inputs, make_samples, mode
):
    head = make_config('one resnet')['decode_head']
    head['in_channels'] = [8, 16, 32, 32]
    model = make_segmentor('one resnet', decode_head=head)
    words = r'decode_head.in_channels.*32, 32\].*gives \[8, 16, 32, 64\]'
    with pytest.raises(ValueError, match=words):
        model(inputs, make_samples([FULL, FULL]), mode)


def test_unknown_key(make_segmentor):
    with pytest.raises(TypeError, match='adaptor'):
        make_segmentor('one resnet', adaptor={})


def test_config_stays_as_it_is(make_config):
    settings = {**ADAPTER, 'sampler': {'type': 'full'}}
    config = ConfigDict(make_config('one resnet', **settings))
    given = copy.deepcopy(config)
    with DefaultScope.overwrite_default_scope('mmseg'):
        MODELS.build(config)
    assert config == given


@pytest.mark.parametrize('name', [None, 'round_robin'])
def test_sampler_draws_what_is_adapted(make_segmentor, name):
    def sampler(adapter):
        model = make_segmentor('one resnet', sampler=name, adapter=adapter)
        drawn = model.sampler.draw(torch.tensor([FULL] * 4), iteration=0)
        return {*model.stack.names_of(drawn)}

    assert sampler(None) == ({'rgb', 'depth'} if name else {'rgb+depth'})
    assert sampler({'type': 'ScaleShift'}) == {'rgb', 'depth'}
    assert sampler({'combinations': ['depth']}) == {'depth'}


def test_validation_loss_teaches_no_row(make_segmentor, inputs, make_samples):
    model = make_segmentor('one resnet', adapter={'type': 'ScaleShift'})
    with torch.no_grad():
        model(inputs, make_samples([FULL, FULL]), 'loss')
    assert model.adapters.trained == ()
