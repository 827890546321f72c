"""Hostile values of config keys: a sentence that names the key, or right.

``python -m pytest -m slow tests/reliability/test_configs.py -s`` tries all.
"""

import copy
import faulthandler
import inspect
import io
import math
import multiprocessing
import os
import pprint
import random
import re
import resource
import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry
from mmseg import registry as registries

from mmseg_missing.startup.sentences import last_line

TESTS = Path(__file__).parents[1]
TOOLS = TESTS.parent / 'tools'
SEED = 0
SECONDS = 30
GIGABYTES = 6
USER_ERRORS = (ValueError, TypeError, KeyError, OSError, ImportError)

HOSTILE = [
    None,
    '',
    'x',
    -1,
    0,
    1.5,
    10**9,
    math.nan,
    math.inf,
    True,
    [],
    [0],
    [None],
    {},
    {'zzz': 1},
]
WIDTHS = [8, 16, 24, 32]
SIZES = {
    'embed_dims': WIDTHS,
    'depths': [1, 1, 1, 1],
    'num_heads': [1, 2, 3, 4],
    'in_channels': [3, 1, 1],
    'drop_path_rate': 0.1,
}
RESNET = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
}
MOBILENET = {
    'type': 'MobileNetV2',
    'widen_factor': 0.25,
    'out_indices': [1, 2, 4, 6],
}
EIGHTS = [8, 16, 32, 64]
SCALES = {'type': 'ScaleShift', 'rows': 'table', 'sites': ['.*norm.*']}
# Backbone, channels of its levels, and further keys of the model.
MODELS = {
    'cmnext': (
        {'type': 'CMNeXt', **SIZES},
        WIDTHS,
        {
            'adapter': {**SCALES, 'combinations': ['rgb', 'rgb+depth']},
            'sampler': {'type': 'round_robin', 'seed': 0},
            'fill': {'depth': 'learned', 'thermal': 'copy:rgb'},
        },
    ),
    'mmsformer': (
        {'type': 'MMSFormer', **SIZES, 'extra_depths': [1, 1, 1, 1]},
        WIDTHS,
        {
            'adapter': {
                'type': 'LowRank',
                'rank': 2,
                'alpha': 2.0,
                'rank_pattern': {'.*fc1': 1},
                'alpha_pattern': {'.*fc1': 1.0},
                'fused': {'kv': 2},
            },
            'sampler': {'type': 'bernoulli'},
            'teacher': [
                {'type': 'LogitKL', 'temperature': 2.0},
                {'type': 'ChannelWiseKL', 'tau': 1.0},
                {'type': 'FeatureMSE', 'levels': [0, 1]},
            ],
        },
    ),
    'cmx': (
        {'type': 'CMX', **SIZES, 'in_channels': [3, [1, 1]]},
        WIDTHS,
        {'adapter': {'type': 'Bottleneck', 'hidden': 2}},
    ),
    'mobilenets': (
        {
            'type': 'MultiStreamBackbone',
            'backbone': MOBILENET,
            'in_channels': [3, 1, 1],
            'fusion': {'type': 'ConcatFusion'},
        },
        [8, 8, 24, 80],
        {'adapter': {**SCALES, 'rows': {'type': 'hyper'}, 'sites': None}},
    ),
    'exchange': (
        {
            'type': 'MultiStreamBackbone',
            'backbone': RESNET,
            'in_channels': [3, 1, 1],
            'fusion': {
                'type': 'TokenExchangeFusion',
                'threshold': 0.02,
                'sparsity': 1e-6,
            },
        },
        EIGHTS,
        {'adapter': {'type': 'NormTuning', 'rows': {'type': 'additive'}}},
    ),
    'shared': (
        {
            'type': 'SharedStreamBackbone',
            'backbone': RESNET,
            'in_channels': [3, 1, 1],
        },
        EIGHTS,
        {'adapter': {'type': 'Shift'}},
    ),
}


def make_config(network, base=None):
    """Return the config of a small run, adapted if there is a ``base``."""
    with DefaultScope.overwrite_default_scope('mmseg'):
        cfg = Config.fromfile(TESTS / 'configs/tiny.py').to_dict()
    backbone, channels, settings = copy.deepcopy(MODELS[network])
    cfg['model']['backbone'] = backbone
    cfg['model']['decode_head'].update(in_channels=channels, channels=8)
    for phase in ('train', 'test'):
        dataset = cfg[f'{phase}_dataloader']['dataset']
        dataset.update(num_scenes=2, size=[32, 48])
    for name in ('tta_pipeline', 'tta_model', 'visualizer'):
        cfg.pop(name)
    if base:
        cfg['model'].update(settings)
        cfg['custom_hooks'] = [
            {'type': 'RandomStateHook'},
            {'type': 'AdapterCheckpointHook', 'base': str(base)},
            {'type': 'FrozenBaseCheckHook'},
        ]
    return cfg


def write(cfg, path):
    """Write a config as a user would, NaN and infinity included."""
    lines = [f'{key} = {pprint.pformat(v)}' for key, v in cfg.items()]
    text = '\n'.join(['from math import inf, nan', *lines, 'del inf, nan'])
    path.write_text(text + '\n')


# Keys below which values are tried, and what of a config is no key of ours.
SECTIONS = (
    'model',
    'train_dataloader',
    'test_dataloader',
    'test_cfg',
    'test_evaluator',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'custom_hooks',
)
# Keys that say where something lies, that name things of the user's own, or
# that are no keys of a config: what builds a class hands them over.
LEFT_OUT = re.compile(
    r'init_cfg|metainfo|out_dir|backend|num_workers|prefix|loss_name|'
    r'\.(runner|dataloader|evaluator|site|layer)$'
)
# Numbers that work where they stand, by key: least and most.
RANGES = {
    'lr': (0, 1),
    'rank': (1, math.inf),
    'threshold|confidence|prob|sparsity|dropout_ratio': (0, 1),
    'loss_weight|temperature|tau|alpha|weight_decay|eps': (0, math.inf),
    '.*_decay_mult|power|eta_min|begin|end': (0, math.inf),
    'pretrained_streams': (0, 2),
    'seed|start|num_scenes|interval|batch_size': (0, math.inf),
    'mean': (-math.inf, math.inf),
    'start_factor|end_factor|drop_path_rate': (0, 1),
}


def own_options(cfg):
    """Return the arguments that a class of this project takes."""
    for registry in vars(registries).values():
        if isinstance(registry, Registry):
            with DefaultScope.overwrite_default_scope('mmseg'):
                kind = registry.get(cfg['type'])
            if kind and kind.__module__.startswith('mmseg_missing'):
                return inspect.signature(kind).parameters
    return {}


def paths(node, path=()):
    """Yield the paths of all public keys, unset ones of our classes too."""
    if path and isinstance(path[-1], str) and path[-1] != 'type':
        yield path
    if isinstance(node, dict):
        options = (
            own_options(node) if isinstance(node.get('type'), str) else {}
        )
        for name, option in options.items():
            kind = option.kind
            if name not in node and kind in (
                option.POSITIONAL_OR_KEYWORD,
                option.KEYWORD_ONLY,
            ):
                yield (*path, name)
        for key, value in node.items():
            yield from paths(value, (*path, key))
        yield (*path, 'zzz')  # a key that nobody knows
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from paths(value, (*path, index))


def get(node, path):
    for part in path:
        known = isinstance(node, list) or part in node
        node = node[part] if known else None
    return node


def changed(cfg, path, value):
    cfg = copy.deepcopy(cfg)
    parent = get(cfg, path[:-1])
    parent[path[-1]] = copy.deepcopy(value)
    return cfg


def hostile_to(value):
    """Return values that do not fit where ``value`` stands."""
    values = [v for v in HOSTILE if v != value or type(v) is not type(value)]
    if isinstance(value, list) and value:
        values += [value[:-1], [*value, value[-1]], [-1] * len(value)]
        values += [[math.nan] * len(value), ['x'] * len(value)]
    if isinstance(value, str):
        values += [value + 'x', value.upper()]
    return values


def tries(network, base, count, sections=SECTIONS):
    """Return ``count`` pairs of path and value, each key equally likely."""
    cfg = make_config(network, base)
    rng = random.Random(f'{SEED} {network}')
    known = [
        path
        for section in sections
        for path in paths(cfg[section], (section,))
        if len(path) > 1 and not LEFT_OUT.search('.'.join(map(str, path)))
    ]
    rng.shuffle(known)
    chosen = [known[i % len(known)] for i in range(count)]
    return [(p, rng.choice(hostile_to(get(cfg, p)))) for p in chosen]


def _as_it_is(text, **style):
    return text, True


def run_tool(tool, *arguments):
    """Run a tool in this process; errors come through."""
    sys.argv = [tool, *map(str, arguments)]
    os.environ.update(MMSEG_MISSING_DEBUG='1', LOCAL_RANK='0')
    runpy.run_path(str(TOOLS / tool), run_name='__main__')


def attempt(path, folder, connection):
    """Train and test in a process that may be stopped and is not kept."""
    os.chdir(folder)
    limit = GIGABYTES * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    faulthandler.dump_traceback_later(SECONDS - 1, file=sys.__stderr__)
    import mmengine.config.config as configs
    import yapf.yapflib.yapf_api as yapf

    # MMEngine formats a config four times, longer than such a run.
    configs.FormatCode = yapf.FormatCode = _as_it_is
    kind, text, said = '', '', io.StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(said):
            run_tool('train.py', path, '--work-dir', folder / 'work')
            last = folder / 'work/epoch_1.pth'
            run_tool('test.py', path, last, '--work-dir', folder / 'test')
    except SystemExit as error:
        kind, text = 'SystemExit', said.getvalue()[-500:]
        if error.code == 2:
            kind, text = 'ValueError', text.strip().splitlines()[-1]
    except BaseException as error:  # all that a tool can end with
        names = [k.__name__ for k in USER_ERRORS if isinstance(error, k)]
        kind = names[0] if names else type(error).__name__
        text = last_line(error)
    connection.send((kind, text))
    connection.close()
    os._exit(0)


def outcome_of(path, folder):
    """Return class and text of an error; ``hang`` where none came in time."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=attempt, args=(path, folder, sender))
    process.start()
    sender.close()
    try:
        if receiver.poll(SECONDS):
            return receiver.recv()
        return 'hang', ''
    except EOFError:
        return 'killed', ''
    finally:
        process.kill()
        process.join()


def names_key(text, path):
    """Say whether a text names the key, or the section it lies in."""
    words = [part for part in path if isinstance(part, str)][-3:]
    if 'stack' in words:  # the same list as `modalities` of the data set
        words.append('modalities')
    return any(re.search(rf'\b{re.escape(word)}\b', text) for word in words)


def judge(path, value, before, kind, text):
    """Return the outcome of one try."""
    if kind == 'hang':
        return 'hang'
    if not kind:
        return 'right' if is_right(path, value, before) else 'silent'
    is_ours = kind in {k.__name__ for k in USER_ERRORS} or '`' in text
    return 'sentence' if is_ours and names_key(text, path) else 'traceback'


def is_right(path, value, before):
    """Say whether a value does work where ``before`` stood."""
    if isinstance(before, bool):  # 0 and 1 are as good as flags
        return isinstance(value, bool) or value in (0, 1)
    if path[-1] in ('frozen_streams', 'residual') and isinstance(value, bool):
        return True
    if path[-1] == 'teacher':  # one loss more, or one less
        return isinstance(value, list) and len(value) > 1
    if path[-1] == 'adapter' and value == {}:  # all by default
        return True
    if value is None:  # as if the key was left out
        return True
    if isinstance(value, list):
        return bool(value) and all(is_right(path, v, None) for v in value)
    ranges = [r for key, r in RANGES.items() if re.fullmatch(key, path[-1])]
    if not ranges or type(value) not in (int, float):
        return value == {} and before is None
    return math.isfinite(value) and ranges[0][0] <= value <= ranges[0][1]


@pytest.fixture(scope='module')
def bases(tmp_path_factory):
    """Return a function that trains the base of a network, once."""
    known = {}

    def base(network):
        if network not in known:
            folder = tmp_path_factory.mktemp(network)
            write(make_config(network), folder / 'base.py')
            ended = outcome_of(folder / 'base.py', folder)
            assert ended == ('', ''), ended
            known[network] = folder / 'work/epoch_1.pth'
            write(make_config(network, known[network]), folder / 'ours.py')
            ended = outcome_of(folder / 'ours.py', folder / 'ours')
            assert ended == ('', ''), ended
        return known[network]

    return base


def try_all(network, bases, count, folder, outcomes, sections=SECTIONS):
    base = bases(network)
    cfg = make_config(network, base)
    for number, (path, value) in enumerate(
        tries(network, base, count, sections)
    ):
        place = folder / f'{network}-{number}.py'
        write(changed(cfg, path, value), place)
        kind, text = outcome_of(place, folder / f'{network}-{number}')
        outcome = judge(path, value, get(cfg, path), kind, text)
        dotted = '.'.join(map(str, path))
        what = f'{network} {dotted} = {value!r}: {kind} {text[:200]}'
        outcomes.add(outcome, what)
        if os.environ.get('MMSEG_MISSING_DEBUG'):
            print(outcome, what, flush=True)


@pytest.mark.parametrize('network', MODELS)
def test_some_hostile_configs(network, bases, tmp_path, outcomes):
    try_all(network, bases, 3, tmp_path, outcomes, ['model'])
    assert not outcomes.faults


@pytest.mark.slow
def test_hostile_configs(bases, tmp_path, outcomes):
    for network in MODELS:
        try_all(network, bases, 52, tmp_path, outcomes)
    print('\n'.join(outcomes.faults))
    assert not outcomes.faults
