import pytest
import torch

from mmseg_missing.evaluation.traces import Markov, parse_trace, read_trace
from mmseg_missing.modality import Stack

STACK = Stack([{'name': n} for n in ('rgb', 'depth', 'nir')])
POLAR = Stack(
    [
        {'name': 'rgb', 'sensor': 'camera'},
        {'name': 'aolp', 'sensor': 'camera'},
        {'name': 'nir'},
    ]
)


@pytest.fixture
def write(tmp_path):
    def write(text, name='trace.csv'):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_columns_in_any_order_and_back(write, tmp_path):
    path = write('\ufeffdepth, rgb,nir\r\n0,1,1\r\n0,1,1\r\n1,0,0\r\n\r\n')
    trace = parse_trace(path, STACK)
    assert STACK.names_of(trace.present) == ['rgb+nir', 'rgb+nir', 'depth']
    assert trace.occurring == ('rgb+nir', 'depth')
    assert trace.switches == 1 and trace.first(2).switches == 0
    again = read_trace(write(trace.to_csv(), 'again.csv'), STACK)
    assert torch.equal(again.present, trace.present)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'must name rgb, depth, nir, each once, got nothing$'),
        ('rgb,lidar\n1,1\n', 'must name rgb, depth, nir, .*got rgb, lidar$'),
        ('rgb,rgb,nir\n1,1,1\n', 'got rgb, rgb, nir$'),
        ('rgb,depth,nir\n1,1,1\n1,2,1\n', "line 3 .* 0 or 1 .*got '1,2,1'$"),
        ('rgb,depth,nir\n\n1,1\n', "line 3 .* 0 or 1 .*got '1,1'$"),
        ('rgb,depth,nir\n0,0,0\n', 'line 2 .*at least one must be present'),
        ('rgb,depth,nir\n0,1,1\nstale,1,1\n', 'line 3 .*rgb is stale, and no'),
        ('rgb,depth,nir\nold,1,1\n', "or stale, got 'old,1,1'$"),
        (b'\xff\xfe\x00\x81', 'expected a CSV of text'),
        ('rgb,"depth\n1', 'expected a CSV of text'),
    ],
)
def test_files_that_are_no_trace(write, text, said):
    with pytest.raises(ValueError, match=said) as caught:
        parse_trace(write(text), STACK)
    assert '\n' not in str(caught.value)


def test_too_short(write):
    trace = parse_trace(write('rgb,depth,nir\n1,1,1\n'), STACK)
    with pytest.raises(ValueError, match=r'ends after frame 1, .*has 2;'):
        trace.first(2)
    assert len(trace.first(1)) == 1


def test_no_file(tmp_path):
    for text in ('none.csv', str(tmp_path), ''):
        with pytest.raises(FileNotFoundError, match=r'no trace .*dead=0\.05'):
            parse_trace(text, STACK)


@pytest.mark.parametrize(
    'text',
    [
        'dead=1.5,back=0',
        'dead=0,back=-0.1',
        'dead=nan,back=0',
        'dead=0.1,back=0.2,stale=1.5',
        'dead=0.1',
        'dead=0.1,back=x',
        'dead=0.1,dead=0.1,back=0.2',
        'dead=0.1,back=0.2,seed=1.5',
        'dead=0.1,back=0.2,seed=-1',
        'dead=0.1,back=0.2,seed=inf',
        'dead=0.1,back=0.2,up=1',
        'dead=0.1=2,back',
    ],
)
def test_rates_that_are_none(text):
    with pytest.raises(ValueError, match=r'numbers from 0 to 1.*, got') as e:
        parse_trace(text, STACK)
    assert text in str(e.value)


def test_rates_are_met_and_seeded():
    chain = parse_trace('dead=0.1, back=0.3, seed=3', STACK)
    assert chain == Markov(STACK, 0.1, 0.3, 3)
    trace = chain.first(20_000)
    assert torch.equal(trace.present, chain.first(20_000).present)
    assert torch.equal(trace.present[:50], chain.first(50).present)
    other = parse_trace('dead=0.1,back=0.3,seed=4', STACK).first(50)
    assert not torch.equal(trace.present[:50], other.present)
    assert trace.present[0].all() and trace.present.any(1).all()
    before, after = trace.present[:-1], trace.present[1:]
    back = (after & ~before).sum() / (~before).sum()
    assert abs(back - 0.3) < 0.02
    many = before.sum(1) > 1  # the last one cannot die
    died = (before & ~after)[many].sum() / before[many].sum()
    assert abs(died - 0.1) < 0.02


def test_one_sensor_stays_and_each_may_be_it():
    lasts = set()
    for seed in range(20):
        present = Markov(STACK, 1, 0, seed).first(6).present
        assert present[0].all() and (present[1:] == present[1]).all()
        assert present[1].sum() == 1
        lasts.add(int(present[1].int().argmax()))
    assert lasts == {0, 1, 2}
    assert Markov(STACK, 0, 0).first(6).present.all()
    assert len(Markov(STACK, 0, 0).first(0)) == 0


def test_modalities_of_one_sensor_share_its_fate():
    present = Markov(POLAR, 0.3, 0.3).first(200).present
    assert torch.equal(present[:, 0], present[:, 1])
    assert not torch.equal(present[:, 0], present[:, 2])


def test_stale_is_what_was_there_last(write):
    text = 'rgb,depth,nir\n1,1,1\n1,0,stale\n1,stale,stale\n1,1,0\n'
    trace = read_trace(write(text), STACK)
    assert trace.shown.tolist() == [
        [0, 0, 0],
        [1, -1, 0],
        [2, 0, 0],
        [3, 3, -1],
    ]
    assert STACK.names_of(trace.present)[2] == STACK.full
    assert trace.to_csv() == text
    assert trace.first(2).shown.tolist() == trace.shown[:2].tolist()


def test_stale_rates_change_nobodys_presence():
    fresh = Markov(POLAR, 0.1, 0.3, 3).first(3000)
    trace = parse_trace('dead=0.1,back=0.3,seed=3,stale=0.2', POLAR)
    assert str(trace) == 'dead=0.1,back=0.3,stale=0.2,seed=3'
    found = trace.first(3000)
    assert fresh.stale is None
    assert torch.equal(found.present, fresh.present)
    assert torch.equal(found.stale[:, 0], found.stale[:, 1])
    assert (
        not found.stale[0].any() and not (found.stale & ~found.present).any()
    )
    rate = found.stale.sum() / found.present.sum()
    assert abs(rate - 0.2) < 0.02
    assert (found.shown >= 0).equal(found.present)
