from copy import deepcopy

import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmengine.dataset import Compose

from mmseg_missing.datasets.transforms import (
    PadModalities,
    RandomCropModalities,
    RandomFlipModalities,
    RandomResizeModalities,
    ResizeModalities,
    RotateModalities,
)

SIZE = (11, 13)


@pytest.fixture
def nearest(modalities):
    """A stack whose values can be compared with the label after a move."""
    return [{**m, 'interpolation': 'nearest'} for m in modalities]


RANDOM = [
    (RandomResizeModalities, {'scale': (17, 19), 'ratio_range': (0.4, 2.0)}),
    (RandomCropModalities, {'crop_size': (5, 7)}),
    (RandomFlipModalities, {'prob': 0.5}),
    (RandomFlipModalities, {'prob': 0.5, 'direction': 'vertical'}),
    (RotateModalities, {'prob': 0.7, 'degree': 40}),
]
FIXED = [
    (ResizeModalities, {'scale': (7, 5)}),
    (ResizeModalities, {'scale_factor': 1.7}),
    (PadModalities, {'size': (17, 19)}),
    (PadModalities, {'size_divisor': 8}),
]


@pytest.mark.parametrize(('kind', 'options'), RANDOM + FIXED)
def test_modalities_and_label_move_together(nearest, sample, kind, options):
    transform = kind(nearest, **options)
    for seed in range(7):
        np.random.seed(seed)
        out = transform(deepcopy(sample))
        label = out['gt_seg_map']
        assert out['img_shape'] == label.shape
        inside = label != 255
        assert inside.any()
        for array in out['modalities'].values():
            assert array.shape[:2] == label.shape
            expected = np.broadcast_to(label[..., None], array.shape)
            np.testing.assert_array_equal(array[inside], expected[inside])


@pytest.mark.parametrize(('kind', 'options'), RANDOM)
def test_draws_follow_the_seed_and_differ(nearest, sample, kind, options):
    transform = kind(nearest, **options)

    def draw(seed):
        np.random.seed(seed)
        return transform(deepcopy(sample))['gt_seg_map']

    np.testing.assert_array_equal(draw(3), draw(3))
    assert len({draw(seed).tobytes() for seed in range(9)}) > 1


@pytest.mark.parametrize(('kind', 'options'), RANDOM)
def test_draw_can_be_cached(nearest, sample, kind, options):
    transform = kind(nearest, **options)
    with cache_random_params(transform):
        outs = [transform(deepcopy(sample)) for _ in range(7)]
    assert len({out['gt_seg_map'].tobytes() for out in outs}) == 1


@pytest.mark.parametrize(('kind', 'options'), RANDOM + FIXED)
def test_the_given_sample_is_not_written_to(nearest, sample, kind, options):
    before = deepcopy(sample)
    np.random.seed(1)
    kind(nearest, **options)({**sample})
    for name, array in before['modalities'].items():
        np.testing.assert_array_equal(sample['modalities'][name], array)
    np.testing.assert_array_equal(sample['gt_seg_map'], before['gt_seg_map'])


def test_resize_without_label_and_with_scale_factor(modalities, sample):
    del sample['gt_seg_map']
    out = ResizeModalities(modalities, scale=(26, 33))(sample)
    assert out['img_shape'] == (33, 26)
    assert out['scale_factor'] == (2.0, 3.0)
    assert out['modalities']['depth'].shape == (33, 26, 1)


@pytest.mark.parametrize(
    ('scale', 'shape'), [((39, 99), (39, 46)), ((99, 22), (22, 26))]
)
def test_keep_ratio(modalities, sample, scale, shape):
    transform = ResizeModalities(modalities, scale=scale, keep_ratio=True)
    assert transform(sample)['img_shape'] == shape


def test_bilinear_and_nearest_share_pixel_centres(modalities):
    ramp = np.broadcast_to(np.arange(9, dtype=np.uint8), (3, 9))
    sample = {
        'modalities': {
            'rgb': np.repeat(ramp[..., None], 3, 2),
            'depth': ramp[..., None].astype(np.float32),
        },
        'img_shape': (3, 9),
    }
    out = ResizeModalities(modalities, scale=(3, 1))(sample)['modalities']
    np.testing.assert_array_equal(out['rgb'][0, :, 0], (1, 4, 7))
    np.testing.assert_array_equal(out['depth'][0, :, 0], (1, 4, 7))


def test_random_resize_stays_in_range(modalities, sample):
    transform = RandomResizeModalities(
        modalities, scale=(26, 22), ratio_range=(0.5, 2.0), keep_ratio=False
    )
    widths = [transform(deepcopy(sample))['img_shape'][1] for _ in range(50)]
    assert 13 <= min(widths) < 22 and 32 < max(widths) <= 52


@pytest.mark.parametrize('options', [{}, {'scale': (3, 3), 'scale_factor': 2}])
def test_resize_needs_one_size(modalities, options):
    with pytest.raises(ValueError, match='one of `scale` and `scale_factor`'):
        ResizeModalities(modalities, **options)


def test_crop_of_a_smaller_image(modalities, sample):
    out = RandomCropModalities(modalities, crop_size=(7, 99))(sample)
    assert out['img_shape'] == (7, 13)


def test_crop_reaches_every_corner(modalities, sample):
    transform = RandomCropModalities(modalities, crop_size=(10, 12))
    firsts = {
        int(transform(deepcopy(sample))['gt_seg_map'][0, 0]) for _ in range(60)
    }
    assert firsts == {0, 1, 13, 14}


def test_crop_avoids_one_class(modalities, sample):
    label = np.zeros(SIZE, np.uint8)
    label[:, 10:] = 1
    sample['gt_seg_map'] = label

    def shares(ratio):
        crop = RandomCropModalities(modalities, (5, 4), cat_max_ratio=ratio)
        drawn = [crop(deepcopy(sample))['gt_seg_map'] for _ in range(50)]
        return np.mean([0 < x.mean() < 1 for x in drawn])

    np.random.seed(0)
    assert shares(0.9) > shares(1.0) + 0.3


@pytest.mark.parametrize('prob', [0, 1])
@pytest.mark.parametrize('direction', ['horizontal', 'vertical'])
def test_flip_is_certain_at_0_and_1(modalities, sample, prob, direction):
    label = sample['gt_seg_map']
    out = RandomFlipModalities(modalities, prob, direction)(sample)
    assert out['flip'] is bool(prob)
    assert out['flip_direction'] == (direction if prob else None)
    axis = ('vertical', 'horizontal').index(direction)
    expected = np.flip(label, axis) if prob else label
    np.testing.assert_array_equal(out['gt_seg_map'], expected)


def test_unknown_direction(modalities):
    with pytest.raises(ValueError, match="'diagonal'"):
        RandomFlipModalities(modalities, 0.5, direction='diagonal')


def test_padding_is_the_mean(modalities, sample):
    out = PadModalities(modalities, size=(13, 17))(sample)
    rgb, depth = out['modalities'].values()
    np.testing.assert_array_equal(
        rgb[11:], np.broadcast_to((7, 8, 9.5), (2, 17, 3))
    )
    assert (depth[:, 13:] == 2.5).all()
    assert (out['gt_seg_map'][:, 13:] == 255).all()
    assert out['pad_shape'] == (13, 17)
    assert out['padding_size'] == [0, 4, 0, 2]


def test_padding_to_a_multiple(modalities, sample):
    out = PadModalities(modalities, size_divisor=8)(sample)
    assert out['img_shape'] == (16, 16)


def test_padding_that_is_not_needed(modalities, sample):
    out = PadModalities(modalities, size=(5, 7))(sample)
    assert out['img_shape'] == SIZE
    assert out['modalities']['rgb'].dtype == np.uint8


def test_pad_needs_one_size(modalities):
    with pytest.raises(ValueError, match='one of `size` and `size_divisor`'):
        PadModalities(modalities)


def test_rotation_is_counter_clockwise(modalities):
    square = np.arange(49, dtype=np.uint8).reshape(7, 7)
    sample = {
        'modalities': {
            'rgb': np.repeat(square[..., None], 3, 2),
            'depth': square[..., None].astype(np.float32),
        },
        'gt_seg_map': square,
        'img_shape': (7, 7),
    }
    out = RotateModalities(modalities, 1.0, (90, 90))(sample)
    expected = np.rot90(square)
    np.testing.assert_array_equal(out['gt_seg_map'], expected)
    for array in out['modalities'].values():
        # OpenCV interpolates with 5 fractional bits.
        np.testing.assert_allclose(array[..., 0], expected, atol=0.05)


def test_rotated_corners_are_the_mean(modalities, sample):
    out = RotateModalities(modalities, 1.0, (45, 45))(sample)
    assert out['gt_seg_map'][0, 0] == 255
    np.testing.assert_allclose(out['modalities']['rgb'][0, 0], (7, 8, 9.5))
    np.testing.assert_allclose(out['modalities']['depth'][0, 0], 2.5)


def test_more_than_four_channels(sample):
    modalities = [{'name': 'many', 'channels': 7, 'mean': list(range(7))}]
    sample['modalities'] = {'many': np.ones((*SIZE, 7), np.float32)}
    pipeline = Compose(
        [
            RotateModalities(modalities, 1.0, (45, 45)),
            ResizeModalities(modalities, (17, 19)),
            PadModalities(modalities, (23, 29)),
        ]
    )
    out = pipeline(sample)['modalities']['many']
    assert out.shape == (23, 29, 7)
    np.testing.assert_allclose(out[0, 0], range(7), atol=1e-5)
    np.testing.assert_allclose(out[-1, -1], range(7))


def content_of(label, padding):
    """Cut a padding off, as MMSegmentation does with a prediction."""
    left, right, top, bottom = padding
    height, width = label.shape
    return label[top : height - bottom, left : width - right]


FLIPPED = {'horizontal': (slice(None), slice(None, None, -1))}
FLIPPED['vertical'] = FLIPPED['horizontal'][::-1]


@pytest.mark.parametrize('direction', FLIPPED)
def test_padding_moves_with_a_flip(nearest, sample, direction):
    steps = [
        PadModalities(nearest, size=(17, 19)),
        RandomFlipModalities(nearest, 1.0, direction),
    ]
    out = Compose(steps)(deepcopy(sample))
    content = content_of(out['gt_seg_map'], out['padding_size'])
    np.testing.assert_array_equal(
        content, sample['gt_seg_map'][FLIPPED[direction]]
    )


def test_padding_adds_up(nearest, sample):
    steps = [
        PadModalities(nearest, size=(13, 14)),
        RandomFlipModalities(nearest, 1.0),
        PadModalities(nearest, size_divisor=8),
    ]
    out = Compose(steps)(deepcopy(sample))
    content = content_of(out['gt_seg_map'], out['padding_size'])
    np.testing.assert_array_equal(content, sample['gt_seg_map'][:, ::-1])


def test_padding_after_a_crop(nearest, sample):
    steps = [
        PadModalities(nearest, size=(17, 19)),
        RandomFlipModalities(nearest, 0.5),
        RandomCropModalities(nearest, crop_size=(12, 14)),
    ]
    for seed in range(9):
        np.random.seed(seed)
        out = Compose(steps)(deepcopy(sample))
        label = out['gt_seg_map']
        content = content_of(label, out['padding_size'])
        assert (content != 255).all()
        assert (label != 255).sum() == content.size


def test_a_rotated_padding_is_no_frame(nearest, sample):
    steps = [
        PadModalities(nearest, size=(17, 19)),
        RotateModalities(nearest, 1.0, 30),
    ]
    assert 'padding_size' not in Compose(steps)(deepcopy(sample))


def test_resizing_after_padding_is_refused(nearest, sample):
    padded = PadModalities(nearest, size=(17, 19))(deepcopy(sample))
    resize = ResizeModalities(nearest, scale=(7, 5))
    with pytest.raises(ValueError, match='pad after resizing'):
        resize(padded)
    whole = PadModalities(nearest, size=(5, 7))(deepcopy(sample))
    assert resize(whole)['img_shape'] == (5, 7)


@pytest.mark.parametrize(
    ('directions', 'told'),
    [
        ([], None),
        (['horizontal'], 'horizontal'),
        (['horizontal', 'horizontal'], None),
        (['horizontal', 'vertical'], 'diagonal'),
        (['vertical', 'horizontal', 'vertical'], 'horizontal'),
        (['vertical', 'horizontal', 'vertical', 'horizontal'], None),
    ],
)
def test_what_flips_come_to(nearest, sample, directions, told):
    steps = [RandomFlipModalities(nearest, 1.0, d) for d in directions]
    steps.append(RandomFlipModalities(nearest, 0.0))
    out = Compose(steps)(deepcopy(sample))
    assert (out['flip'], out['flip_direction']) == (told is not None, told)


def test_scale_factors_multiply(nearest, sample):
    steps = [ResizeModalities(nearest, scale=s) for s in ((26, 11), (39, 33))]
    out = Compose(steps)(deepcopy(sample))
    assert out['scale_factor'] == (3, 3)


WRONG = [
    (ResizeModalities, {'scale': 480}, 'ResizeModalities.scale` takes a list'),
    (ResizeModalities, {'scale': (480, 0)}, 'scale` must be at least 1'),
    (ResizeModalities, {'scale': (4, 8, 3)}, 'scale` takes two sides'),
    (ResizeModalities, {'scale': (0.5, 0.5)}, 'whole number'),
    (ResizeModalities, {'scale_factor': 0}, 'scale_factor` must be above 0'),
    (ResizeModalities, {'scale_factor': '2'}, 'takes a number'),
    (ResizeModalities, {'scale': (4, 8), 'keep_ratio': 1}, 'True or False'),
    (
        RandomResizeModalities,
        {'scale': (4, 8), 'ratio_range': 2},
        'ratio_range` takes a list',
    ),
    (
        RandomResizeModalities,
        {'scale': (4, 8), 'ratio_range': (2, 0.5)},
        'takes .smallest, largest',
    ),
    (
        RandomResizeModalities,
        {'scale': (4, 8), 'ratio_range': (0, 2)},
        'above 0',
    ),
    (RandomCropModalities, {'crop_size': 5}, 'crop_size` takes a list'),
    (RandomCropModalities, {'crop_size': (5, -7)}, 'at least 1'),
    (
        RandomCropModalities,
        {'crop_size': (5, 7), 'cat_max_ratio': 0},
        'cat_max_ratio` must be above 0',
    ),
    (PadModalities, {'size': (5,)}, 'size` takes two sides'),
    (PadModalities, {'size_divisor': 0}, 'size_divisor` must be at least 1'),
    (PadModalities, {'size_divisor': 32.0}, 'whole number'),
    (RandomFlipModalities, {'prob': 1.5}, 'prob` must be at most 1'),
    (RandomFlipModalities, {'prob': [0.5]}, 'prob` takes a number'),
    (RandomFlipModalities, {'prob': 1, 'direction': 'diagonal'}, 'one of'),
    (RotateModalities, {'prob': -1, 'degree': 3}, 'at least 0'),
    (RotateModalities, {'prob': 1, 'degree': -3}, 'at least 0'),
    (RotateModalities, {'prob': 1, 'degree': (3, -3)}, 'smallest, largest'),
    (RotateModalities, {'prob': 1, 'degree': float('nan')}, 'finite'),
    (RotateModalities, {'prob': 1, 'degree': None}, 'takes a list'),
]


@pytest.mark.parametrize(('kind', 'options', 'words'), WRONG)
def test_options_are_checked_when_built(modalities, kind, options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        kind(modalities, **options)


@pytest.mark.parametrize('interpolation', ['nearest', 'bilinear'])
def test_hundreds_of_channels(interpolation):
    stack = [
        {'name': 'bands', 'channels': 601, 'interpolation': interpolation}
    ]
    bands = np.random.default_rng(0).random((11, 13, 601), np.float32)
    resize = ResizeModalities(stack, scale=(7, 5))
    sample = {'modalities': {'bands': bands}, 'img_shape': SIZE}
    result = resize(sample)['modalities']['bands']
    stack[0]['channels'] = 1
    resize = ResizeModalities(stack, scale=(7, 5))
    for band in (0, 127, 128, 600):
        one = {'bands': bands[..., band : band + 1]}
        alone = resize({'modalities': one, 'img_shape': SIZE})
        np.testing.assert_allclose(  # rounding differs by how many at once
            result[..., band], alone['modalities']['bands'][..., 0], rtol=1e-5
        )


@pytest.mark.parametrize('given', [{}, {'modalities': {'rgb': None}}])
@pytest.mark.parametrize(('kind', 'options'), RANDOM + FIXED)
def test_modalities_that_are_not_there(modalities, given, kind, options):
    options = {**options, **({'prob': 1} if 'prob' in options else {})}
    words = r"modalities \[.*'depth'\], but .*LoadModalities before it"
    with pytest.raises(KeyError, match=words):
        kind(modalities, **options)(given)
