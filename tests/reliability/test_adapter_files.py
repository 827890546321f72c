"""Adapter files that were changed, by chance or on purpose.

Each is read, loaded into a network of a fixed config, given to ``configure``,
inspected, and joined with others. Right is that the rows that are used are
those that were trained. Three of four files that were changed on purpose have
the right sha256, so that it is the other checks that must hold.
"""

import copy
import gc
import json
import random
import signal
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from safetensors.torch import save

from mmseg_missing.adapters import (
    load_adapter,
    load_adapters,
    load_base,
    read_adapter,
    read_rows,
    save_adapter,
)
from mmseg_missing.adapters.file_format import encode
from mmseg_missing.apis.model import configure, load_config, load_weights
from mmseg_missing.cli.inspect import facts

CONFIG = Path(__file__).parents[1] / 'configs' / 'tiny.py'
SECONDS = 2.0
ROWS = ('table', 'additive', 'hyper', 'experts')

STRANGE = [
    None,
    True,
    -1,
    0,
    1,
    3.5,
    2**31,
    2**63,
    2**64,
    10**400,
    float('nan'),
    float('inf'),
    -0.0,
    '',
    'x',
    'a' * 10_000,
    '\x1b[2J\x07',
    '\u202egnp',
    '\ud800',
    'os.system',
    'antigravity',
    'torch.nn.Linear',
    '(a*)*b',
    '(.*)*(.*)*(.*)*$',
    '((a|a)+)+',
    '../../etc/passwd',
    [],
    [[]],
    [None],
    {},
    {'type': 'os.system'},
    {'a': {'b': {'c': {'d': {}}}}},
    {'rank': 200_000},
    {'rank': 2**40, 'hidden': 2**40},
    {'rank_pattern': {'(.*)*(.*)*$': 3}},
    {'sites': ['.*']},
    ['rgb'] * 1000,
]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


# --- mutations: each returns the bytes of a file ---


def flip_a_bit(draw, data, metadata, tensors):
    data = bytearray(data)
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def set_bytes(draw, data, metadata, tensors):
    data = bytearray(data)
    start = draw.randrange(len(data))
    for i in range(start, min(len(data), start + draw.randint(1, 40))):
        data[i] = draw.randrange(256)
    return bytes(data)


def cut(draw, data, metadata, tensors):
    return data[: draw.randrange(len(data))]


def lengthen(draw, data, metadata, tensors):
    return data + draw.randbytes(draw.randint(1, 100))


def move(draw, data, metadata, tensors):
    a, b = sorted(draw.sample(range(len(data)), 2))
    return data[:a] + data[b:] + data[a:b]


def twist_the_header(draw, data, metadata, tensors):
    """Other sizes, kinds, offsets, keys in the header; a key twice."""
    size = int.from_bytes(data[:8], 'little')
    header = data[8 : 8 + size].decode()
    old, new = draw.choice(
        [
            ('F32', draw.choice(['F16', 'BF16', 'I32', 'F64', 'BOOL', 'F8'])),
            ('"shape":[', f'"shape":[{draw.choice([-1, 0, 1, 2**62])},'),
            ('"data_offsets":[0', f'"data_offsets":[{draw.randint(-9, 9)}'),
            ('"rgb"', '"depth"'),
            ('dtype', 'shape'),
            ('{', draw.choice(['[', '{{', '{"a":'])),
            ('"__metadata__"', '"__metadata_"'),
            ('sha256', 'sha255'),
            ('"format_version":"2"', '"format_version":"1"'),
            (',', draw.choice([',,', '', ',"a":1,', ',"rows":"3",'])),
        ]
    )
    places = header.count(old)
    at = draw.randrange(places) if places else 0
    pieces = header.split(old)
    header = old.join(pieces[: at + 1]) + new + old.join(pieces[at + 1 :])
    text = header.encode('utf-8', 'surrogatepass')
    return len(text).to_bytes(8, 'little') + text + data[8 + size :]


def lie_about_the_header(draw, data, metadata, tensors):
    size = draw.choice([0, 1, 2**20, 2**31, 2**63, 2**64 - 1, len(data)])
    return size.to_bytes(8, 'little') + data[8:]


def write(draw, metadata, tensors):
    """Write a forged file; most have the sum of what they hold."""
    kind = draw.randrange(4)
    try:
        if kind:
            return encode(tensors, metadata)
        texts = {k: json.dumps(v, default=float) for k, v in metadata.items()}
        return save(tensors, texts)
    except (UnicodeEncodeError, ValueError):
        return b''


def strange_value(draw, data, metadata, tensors):
    """One entry of the metadata, at any depth, is something else."""
    key = draw.choice(sorted(metadata))
    value, holder, place = metadata[key], metadata, key
    while isinstance(value, (dict, list)) and value and draw.random() < 0.7:
        holder = value
        is_dict = isinstance(value, dict)
        place = draw.choice(sorted(value) if is_dict else range(len(value)))
        value = value[place]
    holder[place] = copy.deepcopy(draw.choice(STRANGE))
    return write(draw, metadata, tensors)


def strange_key(draw, data, metadata, tensors):
    """A key too many or too few, at any depth."""
    key = draw.choice(sorted(metadata))
    value = metadata[key]
    if isinstance(value, dict) and value and draw.random() < 0.7:
        name = draw.choice(sorted(value))
        if draw.random() < 0.5:
            value[str(draw.choice(STRANGE))[:99]] = value[name]
        else:
            del value[name]
    elif isinstance(value, list) and value and draw.random() < 0.7:
        index = draw.randrange(len(value))
        if draw.random() < 0.5:
            value.append(copy.deepcopy(value[index]))
        else:
            del value[index]
    else:
        del metadata[key]
    return write(draw, metadata, tensors)


def other_sizes(draw, data, metadata, tensors):
    """Sites, channels, ranks of other sizes."""
    site = draw.choice(metadata['sites'])
    modality = draw.choice(metadata['stack'])
    size = draw.choice([1, 7, 2**20, 2**31, 2**40, 2**62])
    choice = draw.randrange(5)
    if choice == 0:
        site[2] = size
    elif choice == 1:
        modality[1] = size
    elif choice == 2:
        metadata['row_options'] = {'rank': size, 'hidden': size}
    elif choice == 3:
        metadata['method'] = draw.choice(['LowRank', 'Bottleneck'])
        metadata['options'] = {draw.choice(['rank', 'hidden']): size}
    else:
        count = draw.choice([3, 12, 16, 17, 64])
        metadata['stack'] = [[f'm{i}', 1, [0.0], [1.0]] for i in range(count)]
    return write(draw, metadata, tensors)


def deep(draw, data, metadata, tensors):
    key = draw.choice([*sorted(metadata), 'note'])
    metadata[key] = nested(draw.choice([5, 20, 300]))
    return write(draw, metadata, tensors)


def patterns(draw, data, metadata, tensors):
    """Regular expressions where names belong."""
    pattern = draw.choice(['(.*)*(.*)*(.*)*$', '(a*)*b', '.*', '(?:(a*)*)'])
    choice = draw.randrange(4)
    if choice == 0:
        draw.choice(metadata['sites'])[0] = pattern
    elif choice == 1:
        metadata['batch_major'] = [pattern]
    elif choice == 2:
        metadata['method'] = 'LowRank'
        metadata['options'] = {'rank_pattern': {pattern: 1}}
    else:
        metadata['combinations'] = [pattern]
        metadata['samples_seen'] = {pattern: 3}
    return write(draw, metadata, tensors)


def other_tensors(draw, data, metadata, tensors):
    """Tensors of other names, kinds, sizes and values, the sum right."""
    name = draw.choice(sorted(tensors))
    tensor = tensors[name]
    choice = draw.randrange(7)
    if choice == 0:
        tensors[str(draw.choice(STRANGE))[:50] or 'x'] = tensors.pop(name)
    elif choice == 1:
        tensors['more'] = tensor.clone()
    elif choice == 2:
        tensors[name] = tensor.to(draw.choice([torch.half, torch.int32]))
    elif choice == 3:
        tensors[name] = tensor.flatten()[:-1].clone()
    elif choice == 4:
        value = draw.choice([float('nan'), float('inf')])
        tensors[name] = torch.full_like(tensor, value)
    elif choice == 5:
        del tensors[name]
    else:
        tensors['fill.rgb'] = torch.ones(draw.choice([1, 3, 5]))
    return write(draw, metadata, tensors)


MUTATIONS = (
    flip_a_bit,
    flip_a_bit,
    set_bytes,
    cut,
    lengthen,
    move,
    twist_the_header,
    lie_about_the_header,
    strange_value,
    strange_value,
    strange_value,
    strange_key,
    other_sizes,
    deep,
    patterns,
    other_tensors,
)


# --- what is done with a file ---


@pytest.fixture(scope='module')
def base():
    """The state of a tiny network."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(load_config(CONFIG)).state_dict()


def build(cfg):
    with DefaultScope.overwrite_default_scope('mmseg'):
        return MODELS.build(cfg.model).eval()


def adapted_config(rows, is_hybrid):
    cfg = load_config(CONFIG)
    scales = {'type': 'ScaleShift', 'rows': rows}
    low_rank = {'type': 'LowRank', 'rank': 1, 'sites': ['.*proj']}
    cfg.model.adapter = [scales, low_rank] if is_hybrid else scales
    return cfg


class Target:
    """A network, its file, and the numbers that were trained.

    Its method is ScaleShift, or that and LowRank; ``rows`` is its row mode.
    """

    def __init__(self, base, rows, folder, is_hybrid=False):
        self.base, self.rows = base, rows
        self.network = build(adapted_config(rows, is_hybrid))
        self.table = build(adapted_config('table', is_hybrid))
        for network in (self.network, self.table):
            load_base(network, base, 'base')
        bank = self.network.adapters
        generator = torch.Generator().manual_seed(1)
        for row in bank.rows.parameters():
            noise = torch.randn(row.shape, generator=generator)
            row.detach().copy_(0.1 * noise)
        bank.rows.anchor.detach().zero_()
        bank.samples_seen += 7
        self.path = folder / f'{rows}.safetensors'
        save_adapter(
            self.network, self.path, {'fill': self.network.fill, 'root': ''}
        )
        self.numbers = self.of(self.network)
        self.untrained = copy.deepcopy(self.table.adapters.state_dict())

    @staticmethod
    def of(network):
        """Return what each combination uses."""
        bank = network.adapters
        with torch.no_grad():
            return bank.numbers(bank.stack.present(bank.rows.names))

    def is_same(self, network, tolerance=0.0):
        # Rows put together by another order of sums are rounded otherwise.
        found = self.of(network)
        return found.shape == self.numbers.shape and torch.allclose(
            found, self.numbers, rtol=tolerance, atol=tolerance
        )

    def load(self, path):
        load_adapter(self.network, path)
        return self.is_same(self.network)

    def join(self, path):
        self.table.adapters.load_state_dict(self.untrained)
        load_adapters(self.table, [path])
        return self.is_same(self.table, 1e-6)

    def read_rows(self, path):
        _, rows = read_rows(path)
        found = torch.stack(
            [rows[n] for n in self.network.adapters.rows.names]
        )
        expected = self.numbers - self.network.adapters.identity
        return torch.allclose(found, expected, rtol=1e-5, atol=1e-6)

    def read(self, path):
        metadata, _ = read_adapter(path)
        texts = json.dumps(metadata, ensure_ascii=False)
        return texts.isprintable()

    def configure(self, path):
        cfg = load_config(CONFIG)
        checkpoint = {'state_dict': self.base, 'meta': {}}
        configure(cfg, checkpoint, path)
        network = build(cfg)
        load_weights(network, checkpoint, 'base', path)
        return self.is_same(network)

    def inspect(self, path):
        metadata, tensors = read_adapter(path)
        found = facts(metadata, tensors)
        return all(
            line.isprintable()
            for line in '\n'.join(found.values()).split('\n')
        )


class Hang(BaseException):
    """A try took too long."""


@pytest.fixture(autouse=True)
def heap_of_its_own():
    """Leave what other tests left in this process out of collections.

    In a worker with a large heap a single one takes seconds.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@contextmanager
def limited(seconds):
    """Stop what takes more time of the processor than this."""

    def stop(*_):
        raise Hang

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def outcome(try_it, path):
    """Return what comes of one try, and the words that go with it."""
    try:
        with limited(SECONDS):
            is_same = try_it(path)
    except Hang:
        return 'hang', f'more than {SECONDS} s'
    except (ValueError, OSError) as error:
        words = str(error)
        is_sentence = words.isprintable() and 20 < len(words) < 1500
        return 'sentence' if is_sentence else 'traceback', words
    except Exception as error:
        return 'traceback', f'{type(error).__name__}: {error}'
    return ('right' if is_same else 'silent'), 'other numbers'


def fuzz(base, folder, outcomes, count, seed=0):
    """Try ``count`` changed files of each row mode at every door."""
    for rows, is_hybrid in [
        *((rows, False) for rows in ROWS),
        ('table', True),
    ]:
        target = Target(base, rows, folder, is_hybrid)
        data = target.path.read_bytes()
        metadata, tensors = read_adapter(target.path)
        metadata.pop('sha256')
        path = folder / 'changed.safetensors'
        doors = (
            target.read,
            target.load,
            target.read_rows,
            target.join,
            target.inspect,
            target.configure,
        )
        for door in doors:
            assert door(target.path), (rows, door)
        for number in range(count):
            draw = random.Random(f'{seed} {rows} {number}{is_hybrid or ""}')
            mutate = draw.choice(MUTATIONS)
            path.write_bytes(
                mutate(
                    draw,
                    data,
                    copy.deepcopy(metadata),
                    {k: v.clone() for k, v in tensors.items()},
                )
            )
            came = {}
            for door in doors:
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')
                    came[door.__name__] = outcome(door, path)
            name = max(came, key=lambda n: ORDER.index(came[n][0]))
            what = f'{rows} {number} {mutate.__name__} {name}'
            outcomes.add(came[name][0], f'{what}: {came[name][1][:300]}')


ORDER = ('right', 'sentence', 'silent', 'traceback', 'hang')


def test_changed_adapter_files_in_short(base, tmp_path, outcomes):
    fuzz(base, tmp_path, outcomes, 70, seed=1)
    assert not outcomes.faults, outcomes.faults


@pytest.mark.slow
def test_changed_adapter_files(base, tmp_path, outcomes):
    fuzz(base, tmp_path, outcomes, 2000)
    assert not outcomes.faults, '\n'.join(outcomes.faults)
