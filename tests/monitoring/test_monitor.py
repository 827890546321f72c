"""Verdicts on images of a toy network, and what each check promises."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from mmseg_missing.corruptions import corrupt
from mmseg_missing.modality import Stack
from mmseg_missing.monitoring import (
    CAUSES,
    STATES,
    SensorMonitor,
    Stream,
    Watch,
    find_stems,
)
from mmseg_missing.monitoring.policies import drop

STACK = Stack(
    [
        {'name': 'rgb', 'channels': 3},
        {'name': 'depth', 'channels': 1},
        {'name': 'event', 'channels': 2},
    ]
)
H, W = 48, 66
FULL = torch.ones(1, 3, dtype=torch.bool)


class Net(nn.Module):
    """Two streams and one layer that sees all."""

    def __init__(self):
        super().__init__()
        self.rgb = nn.Conv2d(3, 4, 3, 2, 1)
        self.depth = nn.Conv2d(3, 5, 3, 2, 1)
        self.all = nn.Conv2d(6, 2, 1)

    def forward(self, x):
        one = self.rgb(x[:, :3])
        other = self.depth(x[:, 3:4].expand(-1, 3, -1, -1))
        return one, other, self.all(x)


def scenes(n, seed):
    """Smooth scenes, seen by three sensors that share their edges."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(n, 4, 7, 9, generator=generator)
    x = nn.functional.interpolate(coarse, (H, W), mode='nearest')
    x = torch.cat((x[:, :1], x, x[:, 1:2]), 1)
    return x + 0.1 * torch.randn(n, 6, H, W, generator=generator)


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    return Net()


@pytest.fixture(scope='module')
def monitor(net):
    x = scenes(1, 5)
    stems = find_stems(net, lambda: net(x), x, STACK)
    batches = scenes(120, 0).split(16)
    return SensorMonitor.learn(STACK, stems, batches)


def judge(monitor, x, present=FULL, previous=None):
    verdict = monitor(x, present.expand(len(x), -1), previous)
    return [[STATES[state] for state in row] for row in verdict.states]


def cause(monitor, x, index, previous=None):
    verdict = monitor(x, FULL.expand(len(x), -1), previous)
    assert (verdict.scores[:, index] > 1).all()
    return {CAUSES[c] for c in verdict.causes[:, index]}


def spoilt(change, name='depth', n=3):
    x = scenes(n, 77)
    part = STACK.slices[name]
    x[:, part] = torch.stack([change(image) for image in x[:, part]])
    return x


def test_stems_see_one_modality_alone(net, monitor):
    assert {k: s.name for k, s in monitor.stems.items()} == {
        'rgb': 'rgb',
        'depth': 'depth',
    }
    assert 'event.features.mean' not in monitor.clean
    assert monitor.clean['depth.features.mean'].shape == (10,)


def test_clean_images_are_whole(monitor):
    states = judge(monitor, scenes(60, 1))
    bad = sum(state != 'whole' for row in states for state in row)
    assert bad <= 2  # of 180


@pytest.mark.parametrize('name', STACK.names)
@pytest.mark.parametrize('fault', ['noise', 'blur', 'holes', 'fog', 'banding'])
def test_a_fault_shows_in_its_sensor_alone(monitor, fault, name):
    x = spoilt(lambda image: corrupt(image, fault, 5, seed=3), name)
    for row in judge(monitor, x):
        found = dict(zip(STACK.names, row))
        assert found.pop(name) == 'degraded'
        assert set(found.values()) == {'whole'}


def test_each_image_by_itself(monitor):
    x = spoilt(lambda image: corrupt(image, 'noise', 2, seed=3))
    x = torch.cat((x, scenes(2, 3)))
    present = torch.tensor(
        [[1, 1, 1], [0, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 1]]
    ).bool()
    both = monitor(x, present)
    for i in range(len(x)):
        one = monitor(x[i : i + 1], present[i : i + 1])
        torch.testing.assert_close(one.scores[0], both.scores[i])
        assert torch.equal(one.states[0], both.states[i])


def test_no_edge_but_a_wrong_unit(monitor):
    assert cause(monitor, spoilt(lambda x: 40 + x), 1) <= {
        'range',
        'picture',
        'features',
    }


def test_saturated(monitor):
    x = spoilt(lambda image: image.clamp(max=image.quantile(0.94)))
    assert cause(monitor, x, 1) == {'saturated'}


def test_constant_is_absent(monitor):
    x = spoilt(lambda image: torch.full_like(image, 0.3))
    assert judge(monitor, x) == [['whole', 'absent', 'whole']] * 3
    assert cause(monitor, x, 1) == {'constant'}


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_what_is_not_finite_is_absent_and_harms_nobody_else(monitor, value):
    def strike(image):
        image = image.clone()
        image[0, 5, 7] = value
        return image

    x = spoilt(strike)
    assert judge(monitor, x) == [['whole', 'absent', 'whole']] * 3
    assert cause(monitor, x, 1) == {'not finite'}


def test_frozen(monitor):
    before, now = scenes(3, 77), scenes(3, 78)
    now[:, 3] = before[:, 3]
    assert (
        judge(monitor, now, previous=before)
        == [['whole', 'degraded', 'whole']] * 3
    )
    assert cause(monitor, now, 1, before) == {'frozen'}
    assert judge(monitor, now) == [['whole'] * 3] * 3


@pytest.mark.parametrize('name', STACK.names)
def test_misregistered_is_the_one_that_moved(monitor, name):
    x = spoilt(lambda image: torch.roll(image, (2, -2), (1, 2)), name)
    for row in judge(monitor, x):
        found = dict(zip(STACK.names, row))
        assert found.pop(name) == 'degraded'
        assert set(found.values()) == {'whole'}
    index = STACK.index(name)
    assert cause(monitor, x, index) == {'registration'}


def test_of_two_the_first_is_the_reference(monitor):
    x = spoilt(lambda image: torch.roll(image, (2, -2), (1, 2)), 'rgb')
    present = torch.tensor([[True, True, False]])
    assert judge(monitor, x, present) == [['whole', 'degraded', 'absent']] * 3
    alone = torch.tensor([[True, False, False]])
    assert judge(monitor, x, alone) == [['whole', 'absent', 'absent']] * 3


def test_what_is_missing_is_not_looked_at(monitor):
    x = scenes(2, 77)
    x[:, 3] = float('nan')
    present = torch.tensor([[True, False, True]])
    verdict = monitor(x, present.expand(2, -1))
    assert [CAUSES[c] for c in verdict.causes[:, 1]] == ['missing'] * 2
    assert verdict.words()[0]['depth'] == 'absent (missing, 1e+09)'
    assert verdict.words()[0]['rgb'] == 'whole'


def test_drop_keeps_the_best_of_bad_sensors(monitor):
    x = scenes(2, 77)
    x[0, 3] += 9 * torch.randn(H, W)
    x[1] += torch.randn(6, H, W)
    x[1, 3] += 50 * torch.randn(H, W)
    x[1, 4:] = 2.0
    present = FULL.expand(2, -1)
    kept = Watch(monitor)(x, present)
    assert kept.tolist() == [[True, False, True], [True, False, False]]
    assert Watch(monitor, 'trust')(x, present).all()
    x[1] = float('nan')
    with pytest.raises(
        ValueError, match=r'no sensor .*rgb, depth, event hold'
    ):
        drop(present, monitor(x, present))


def test_recover_keeps_what_is_ill_and_says_so(monitor):
    x = scenes(4, 77)
    x[0, 3] += 9 * torch.randn(H, W)
    x[1, 3] = 2.0
    x[2, 3] = float('nan')
    told = Watch(monitor, 'recover').tell(x, FULL.expand(4, -1))
    whole, gone = [True] * 3, [True, False, True]
    assert told.present.tolist() == [whole, gone, gone, whole]
    assert told.degraded[0].tolist() == [False, True, False]
    assert not told.degraded[1:].any()
    for policy in ('trust', 'drop'):
        watch = Watch(monitor, policy)
        told = watch.tell(x, FULL.expand(4, -1))
        assert told.degraded is None
        assert torch.equal(told.present, watch(x, FULL.expand(4, -1)))


def test_harmful_is_what_the_network_sees_far_off(monitor):
    """Little noise is found at once, and does little."""
    little, much = (
        spoilt(lambda x, by=by: x + by * torch.randn(x.shape))
        for by in (0.3, 9.0)
    )
    present = FULL.expand(3, -1)
    for x, is_harmful in ((little, False), (much, True)):
        verdict = monitor(x, present)
        assert {STATES[s] for s in verdict.states[:, 1]} == {'degraded'}
        assert verdict.harmful[:, 1].tolist() == [is_harmful] * 3
        quick = monitor(x, present, is_quick=True)
        assert torch.equal(quick.harmful, verdict.harmful)


def test_other_numbers_are_refused(monitor):
    clean = dict(monitor.clean)
    clean['depth.features.mean'] = torch.zeros(12)
    with pytest.raises(ValueError, match=r"'depth.features.mean'.*\(10,\)"):
        SensorMonitor(STACK, monitor.stems, clean)
    with pytest.raises(ValueError, match='at least 10 images, got 4'):
        SensorMonitor.learn(STACK, {}, [scenes(4, 0)])
    with pytest.raises(ValueError, match=r"policy 'guess'.*trust, drop"):
        Watch(monitor, 'guess')


def test_larger_images_are_looked_at_in_part(net):
    """The same share of rows, whatever the size."""
    large = nn.functional.interpolate(scenes(24, 0), scale_factor=4)
    monitor = SensorMonitor.learn(STACK, {}, large.split(8))
    assert judge(monitor, large[:2]) == [['whole'] * 3] * 2
    moved = large.clone()
    moved[:, 3] = torch.roll(moved[:, 3], 9, 1)
    assert {row[1] for row in judge(monitor, moved)} == {'degraded'}


def steps(monitor, frames):
    """What a stream makes of frames: w(hole), d(egraded), a(bsent)."""
    stream, found = Stream(), ''
    verdict = monitor(scenes(1, 77), FULL)
    for letter in frames:
        states = torch.tensor([['adw'.index(letter), 2, 2]])
        given = replace(verdict, states=states, harmful=states < 2)
        settled = stream.settle(given)
        assert not settled.harmful[0, 1:].any()
        assert settled.states[0, 1:].tolist() == [2, 2]
        found += '-w'[not settled.harmful[0, 0]]
    return found


@pytest.mark.parametrize(
    ('frames', 'expected'),
    [
        ('wwdwww', 'wwwwww'),  # one bad frame is forgiven
        ('wwddww', 'www---'),
        ('wdwdwwwwwww', 'www-----www'),  # two of three; five good ones
        ('wwddwwwwdwwwwww', 'www----------ww'),
        ('wwddwwwwww', 'www-----ww'),
        ('wwawwwwww', 'ww-----ww'),  # a lost driver at once
        ('dwwdww', 'wwwwww'),
    ],
)
def test_streams_do_not_flicker(monitor, frames, expected):
    assert steps(monitor, frames) == expected


def test_a_stream_sees_a_frozen_sensor(monitor):
    stream, watch = Stream(), Watch(monitor)
    frames = [scenes(1, seed) for seed in range(30, 40)]
    for frame in frames[2:5]:
        frame[:, 3] = frames[1][:, 3]
    kept = [watch(frame, FULL, stream)[0].tolist() for frame in frames]
    depth = [row[1] for row in kept]
    # Equal at 2, 3 and 4; off from the second on, for five good frames.
    assert depth == [True] * 3 + [False] * 6 + [True]
    assert all(row[0] and row[2] for row in kept)


@pytest.mark.parametrize('off', [(3, 2), (0, 3)])
def test_streams_need_frames(off):
    with pytest.raises(ValueError, match='`off` takes bad frames of how many'):
        Stream(off)
