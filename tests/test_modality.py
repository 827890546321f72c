"""Stack, combinations and fills."""

import itertools
import math

import pytest
import torch

from mmseg_missing.fill import fill_absent, parse_fill
from mmseg_missing.modality import Modality, Stack

N, H, W = 2, 5, 7
NAMES = ('rgb', 'depth', 'thermal', 'nir', 'lidar')


def make_stack(count):
    return Stack([{'name': name} for name in NAMES[:count]])


@pytest.fixture
def stack():
    """RGB of three channels, depth of one, normals of two."""
    return Stack(
        [
            Modality('rgb', 3, mean=(10, 20, 30), std=(1, 2, 3)),
            Modality('depth', 1, mean=(4,), std=(2,)),
            Modality('flow', 2),
        ]
    )


@pytest.fixture
def inputs(stack):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, stack.num_channels, H, W, generator=generator)


@pytest.mark.parametrize('count', [1, 2, 3, 4, 5])
def test_all_combinations_once_each(count):
    stack = make_stack(count)
    names = stack.combinations()
    flags = {tuple(row) for row in stack.present(names).tolist()}
    assert len(names) == len(set(names)) == len(flags) == 2**count - 1
    possible = itertools.product([False, True], repeat=count)
    assert flags == set(possible) - {(False,) * count}
    assert stack.incomplete() == tuple(n for n in names if n != stack.full)


def test_canonical_order():
    assert make_stack(3).combinations() == (
        'rgb+depth+thermal',
        'rgb+depth',
        'rgb+thermal',
        'depth+thermal',
        'rgb',
        'depth',
        'thermal',
    )


@pytest.mark.parametrize('count', [1, 3])
def test_names_and_flags(count):
    stack = make_stack(count)
    names = [*stack.combinations()]
    present = stack.present(names)
    assert present.dtype == torch.bool and present.device.type == 'cpu'
    assert present.shape == (len(names), count)
    assert stack.names_of(present) == names
    assert torch.equal(stack.present(names[0]), present[:1])
    assert stack.present([]).shape == (0, count)


def test_names_in_any_order_and_with_blanks():
    stack = make_stack(3)
    assert stack.present(' thermal + rgb ').tolist() == [[True, False, True]]
    assert stack.canonical(' thermal + rgb ') == 'rgb+thermal'


def test_old_names_of_both_still_work():
    stack = make_stack(3)
    with pytest.warns(DeprecationWarning, match=r'use Stack\.present'):
        assert stack.parse('thermal+rgb') == (True, False, True)
    with pytest.warns(DeprecationWarning, match=r'use Stack\.names_of'):
        assert stack.format((True, False, True)) == 'rgb+thermal'


@pytest.mark.parametrize(
    ('combination', 'words'),
    [
        ('', 'at least one'),
        ('  ', 'at least one'),
        ('rgb+rgb', 'each once'),
        ('lidar', "unknown modality 'lidar'.*rgb.depth"),
        ('rgb+lidar', "unknown modality 'lidar'"),
        ('rgb+', "unknown modality ''"),
        ('RGB', "unknown modality 'RGB'"),
    ],
)
def test_a_wrong_combination_is_refused(combination, words):
    for read in (make_stack(2).present, make_stack(2).canonical):
        with pytest.raises(ValueError, match=words):
            read(combination)


def test_layout(stack):
    assert len(stack) == 3
    assert stack.in_channels == [3, 1, 2]
    assert stack.num_channels == 6
    assert stack.slices == {
        'rgb': slice(0, 3),
        'depth': slice(3, 4),
        'flow': slice(4, 6),
    }
    assert stack.full == 'rgb+depth+flow'
    assert stack['depth'] is stack[1]
    assert [m.name for m in stack] == list(stack.names)
    assert stack == Stack(stack) and hash(stack) == hash(Stack(stack))
    assert stack != make_stack(3)


def test_modality_repeats_one_mean_and_owns_its_sensor():
    modality = Modality('flow', 2, mean=[5], std=[2])
    assert modality.mean == (5.0, 5.0) and modality.std == (2.0, 2.0)
    assert modality.sensor == 'flow'


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'name': ''}, 'must be 1 to 64 letters'),
        ({'name': 'a+b'}, "modality name 'a.b'"),
        ({'name': 'a:b'}, 'modality name'),
        ({'name': 'a.b'}, 'modality name'),
        ({'name': 'a b'}, 'modality name'),
        (
            {'name': 'a', 'mean': [1, 2]},
            r'`modalities\.a\.mean`.*3 channels, got 2',
        ),
        ({'name': 'a', 'std': [1, 2]}, r'a\.std`'),
        ({'name': 'a', 'std': [0]}, r'a\.std`.*got 0'),
        ({'name': 'a', 'interpolation': 'cubic'}, r'a\.interpolation`.*cubic'),
        ({'name': 'a', 'geometry': 'angle'}, r'a\.geometry`.*angle'),
        ({'name': 'a', 'channels': 0}, r'a\.channels`.*0'),
        ({'name': 'a', 'channels': -1}, r'a\.channels`.*-1'),
    ],
)
def test_modality_refuses(fields, words):
    with pytest.raises((ValueError, TypeError), match=words):
        Modality(**fields)


@pytest.mark.parametrize(
    'name',
    # Attributes of modules that hold rows, words of ours, and what does not
    # fit into a path or onto a terminal.
    [
        *('copy', 'keys', 'train', 'full', 'every', 'subsets', 'label'),
        *('a/b', 'a\x1b', '-a', 'a' * 65, None, 3, ['rgb']),
    ],
)
def test_names_that_mean_something_else(name):
    with pytest.raises((ValueError, TypeError), match='`modalities`'):
        Stack([{'name': 'rgb'}, {'name': name}])
    with pytest.raises((ValueError, TypeError), match='`modalities`'):
        Stack([{'name': 'rgb', 'sensor': name or 0}])


@pytest.mark.parametrize(
    ('fields', 'words'),
    [
        ({'zzz': 1}, r"'a' of `modalities` has unknown keys \['zzz'\]"),
        ({'channels': 1.5}, 'whole number, got 1.5'),
        ({'channels': True}, 'whole number, got True'),
        ({'mean': 3.2}, 'takes a list, got 3.2'),
        ({'mean': [None]}, r'a\.mean` takes a number, got None'),
        ({'mean': [math.nan]}, r'a\.mean` takes a finite number'),
        ({'std': [math.inf]}, r'a\.std` takes a finite number'),
        ({'std': [1e-50]}, r'a\.std`.*1e-50'),  # 0 in float32
        ({'mean': [1e39]}, r'a\.mean`.*1e\+39'),
    ],
)
def test_fields_of_a_modality(fields, words):
    with pytest.raises((ValueError, TypeError), match=words):
        Stack([{'name': 'a', **fields}])


@pytest.mark.parametrize('modalities', [None, 1.5, 'rgb', {'name': 'rgb'}])
def test_a_stack_is_a_list(modalities):
    with pytest.raises(TypeError, match='`modalities` takes a list'):
        Stack(modalities)


@pytest.mark.parametrize('names', [[], ['rgb', 'rgb']])
def test_stack_refuses(names):
    with pytest.raises(ValueError, match='check `modalities`'):
        Stack([{'name': name} for name in names])


def test_stack_refuses_names_alone():
    with pytest.raises(ValueError, match=r"got 'rgb'; check `modalities`"):
        Stack(['rgb', 'depth'])


def fill_one(inputs, stack, absent, fill, seeds=None):
    """Fill with one modality absent in all samples; return that part."""
    present = torch.ones(len(inputs), len(stack), dtype=torch.bool)
    present[:, stack.index(absent)] = False
    filled = fill_absent(inputs, present, stack, fill, seeds)
    for name in set(stack.names) - {absent}:
        part = stack.slices[name]
        assert torch.equal(filled[:, part], inputs[:, part])
    return filled[:, stack.slices[absent]]


def test_zero(inputs, stack):
    part = fill_one(inputs, stack, 'rgb', 'zero')
    assert torch.equal(part, torch.zeros(N, 3, H, W))


def test_black_is_raw_zero_after_normalisation(inputs, stack):
    part = fill_one(inputs, stack, 'rgb', 'black')
    expected = torch.tensor([-10.0, -10.0, -10.0])[None, :, None, None]
    assert torch.equal(part, expected.expand(N, 3, H, W))


def test_copy_is_the_mean_of_the_source(inputs, stack):
    part = fill_one(inputs, stack, 'flow', 'copy:rgb')
    expected = inputs[:, :3].mean(1, keepdim=True).expand(N, 2, H, W)
    torch.testing.assert_close(part, expected)


def test_copy_of_an_absent_source_is_zero(inputs, stack):
    inputs[0, :4] = torch.nan
    present = torch.tensor([[False, False, True], [True, False, True]])
    filled = fill_absent(inputs, present, stack, {'depth': 'copy:rgb'})
    assert torch.equal(filled[0, 3], torch.zeros(H, W))
    torch.testing.assert_close(filled[1, 3], inputs[1, :3].mean(0))


def test_a_modality_that_copies_itself_is_zero(inputs, stack):
    assert parse_fill(stack, 'copy:rgb') == {
        'rgb': 'zero',
        'depth': 'copy:rgb',
        'flow': 'copy:rgb',
    }


def test_noise_belongs_to_the_image(inputs, stack):
    one, two = fill_one(inputs, stack, 'rgb', 'noise', [3, 5])
    assert not torch.equal(one, two)
    assert not torch.equal(one[0], one[1])
    swapped = fill_one(inputs, stack, 'rgb', 'noise', [5, 3])
    assert torch.equal(swapped, torch.stack([two, one]))
    # Another modality of the same image gets other noise.
    flow = fill_one(inputs, stack, 'flow', 'noise', [3, 5])
    assert not torch.equal(flow[0, 0], one[0])


def test_noise_is_standard_normal(stack):
    inputs = torch.full((N, 6, 53, 59), 9.0)
    part = fill_one(inputs, stack, 'rgb', 'noise', [1, 2])
    assert part.mean().abs() < 0.03 and (part.std() - 1).abs() < 0.03


def test_noise_leaves_the_global_generator_alone(inputs, stack):
    state = torch.get_rng_state()
    fill_one(inputs, stack, 'rgb', 'noise', [3, 5])
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize('given', [torch.tensor([1.0, 2.0, 3.0]), [1, 2, 3]])
def test_learned_is_a_vector(inputs, stack, given):
    present = torch.tensor([[False, False, True], [True, True, True]])
    filled = fill_absent(
        inputs, present, stack, 'learned', learned={'rgb': given}
    )
    expected = torch.tensor([1.0, 2.0, 3.0])[:, None, None].expand(3, H, W)
    assert torch.equal(filled[0, :3], expected)
    assert not filled[0, 3].any()  # zero where none is given
    assert torch.equal(filled[1], inputs[1])


def test_learned_gets_a_gradient_where_it_stood_in(inputs, stack):
    vector = torch.zeros(3, requires_grad=True)
    inputs[0] = torch.nan
    present = torch.tensor([[False, True, True], [True, True, True]])
    filled = fill_absent(
        inputs, present, stack, 'learned', learned={'rgb': vector}
    )
    (filled[:, :3].nan_to_num(0) * 2).sum().backward()
    assert vector.grad.tolist() == [2.0 * H * W] * 3


@pytest.mark.parametrize(
    'fill', ['zero', 'black', 'noise', 'copy:rgb', 'learned']
)
def test_nothing_of_an_absent_modality_survives(inputs, stack, fill):
    for name in stack.combinations():
        flags = stack.present(name)[0].tolist()
        present = torch.tensor([flags, flags])
        clean = fill_absent(inputs, present, stack, fill)
        dirty = inputs.clone()
        for modality, there in zip(stack.names, flags, strict=True):
            if not there:
                dirty[:, stack.slices[modality]] = torch.nan
        before = dirty.clone()
        assert torch.equal(fill_absent(dirty, present, stack, fill), clean)
        assert torch.equal(dirty.isnan(), before.isnan())


def test_what_is_present_stays_bit_for_bit(inputs, stack):
    inputs[0, 1] = torch.inf
    present = torch.ones(N, 3, dtype=torch.bool)
    filled = fill_absent(inputs, present, stack, 'noise')
    assert torch.equal(filled, inputs)
    assert filled.data_ptr() != inputs.data_ptr()


def test_each_sample_has_its_own_flags(inputs, stack):
    present = torch.tensor([[True, False, True], [False, True, False]])
    filled = fill_absent(inputs, present, stack)
    assert torch.equal(filled[0, :3], inputs[0, :3])
    assert not filled[0, 3].any() and not filled[1, :3].any()
    assert torch.equal(filled[1, 3], inputs[1, 3])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    'fill', ['zero', 'black', 'noise', 'copy:rgb', 'learned']
)
def test_fill_keeps_the_dtype(inputs, stack, fill, dtype):
    part = fill_one(inputs.to(dtype), stack, 'flow', fill)
    assert part.dtype == dtype


def test_one_fill_per_modality(stack):
    assert parse_fill(stack, {'depth': 'noise'}) == {
        'rgb': 'zero',
        'depth': 'noise',
        'flow': 'zero',
    }


@pytest.mark.parametrize(
    ('fill', 'words'),
    [
        ('mean', "unknown fill 'mean'.*zero, black, noise"),
        ('copy', "unknown fill 'copy'"),
        ('copy:', "unknown modality ''"),
        ('copy:lidar', "unknown modality 'lidar' in `model.fill`"),
        ({'lidar': 'zero'}, "unknown modality 'lidar' in `model.fill`"),
        ({'rgb': 'grey'}, "unknown fill 'grey' for 'rgb'"),
        ({'rgb': 0}, "unknown fill 0 for 'rgb'"),
        (None, r'`model\.fill`.*got None'),
        ([], r'`model\.fill`.*got \[\]'),
    ],
)
def test_fill_refuses(stack, fill, words):
    with pytest.raises((ValueError, TypeError), match=words):
        parse_fill(stack, fill)


def test_callers_objects_stay_as_they_are(stack):
    fill = {'depth': 'noise'}
    parse_fill(stack, fill)
    assert fill == {'depth': 'noise'}
    fields = {'name': 'rgb', 'mean': [1, 2, 3]}
    Stack([fields])
    assert fields == {'name': 'rgb', 'mean': [1, 2, 3]}


def test_combinations_keep_sensors_whole():
    stack = Stack(
        [
            Modality('rgb'),
            Modality('aolp', sensor='polarimeter'),
            Modality('nir'),
            Modality('dolp', sensor='polarimeter'),
        ]
    )
    assert stack.sensors == ('rgb', 'polarimeter', 'nir')
    assert stack.combinations() == (
        'rgb+aolp+nir+dolp',
        'rgb+aolp+dolp',
        'aolp+nir+dolp',
        'rgb+nir',
        'aolp+dolp',
        'rgb',
        'nir',
    )
    assert stack.incomplete() == stack.combinations()[1:]
    assert len(stack.subsets()) == 15
    assert set(stack.combinations()) < set(stack.subsets())


def test_combinations_are_subsets_where_each_modality_is_a_sensor():
    stack = Stack([Modality(name) for name in 'abcd'])
    assert stack.combinations() == stack.subsets()


CAMERA = Stack(
    [
        Modality('rgb', sensor='camera'),
        Modality('aolp', sensor='camera'),
        Modality('nir'),
    ]
)


@pytest.mark.parametrize(
    ('present', 'names'),
    [
        ('every', ('rgb+aolp+nir', 'rgb+aolp', 'nir')),
        ('subsets', CAMERA.subsets()),
        ('full', ('rgb+aolp+nir',)),
        ('nir+rgb', ('rgb+nir',)),  # it was asked for
        (
            ['nir', 'every', 'aolp'],
            ('rgb+aolp+nir', 'rgb+aolp', 'aolp', 'nir'),
        ),
    ],
)
def test_choice_of_combinations(present, names):
    assert CAMERA.choose(present) == names


@pytest.mark.parametrize(
    ('present', 'words'),
    [
        ([], "'every', 'subsets', 'full'"),
        ('hha', "unknown modality 'hha'"),
        (3, '`present` takes a list, got 3'),
        ([3], 'wrong entry: 3'),
    ],
)
def test_choice_of_combinations_refuses(present, words):
    with pytest.raises((TypeError, ValueError), match=words):
        CAMERA.choose(present)


def test_modalities_apart():
    assert CAMERA.apart().combinations() == CAMERA.subsets()
    assert CAMERA.apart().names == CAMERA.names


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 1e39])
@pytest.mark.parametrize('key', ['mean', 'std'])
def test_numbers_that_are_not_finite(key, value):
    """As float32, in which images are normalised."""
    with pytest.raises(ValueError, match=rf'`modalities\.depth\.{key}`'):
        Modality('depth', channels=1, **{key: (value,)})


def test_std_that_is_zero_as_float32():
    with pytest.raises(ValueError, match=r'`modalities\.depth\.std`'):
        Modality('depth', channels=1, std=(1e-60,))
