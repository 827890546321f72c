"""Score a network for every combination of what is present.

Each image is decoded once for all combinations.

Example:
  mmseg-missing test cmnext_small_1xb8-12e_scenes-rgbdt-64x96 epoch_12.pth
  mmseg-missing test NAME epoch_12.pth --adapter FILE --base work_dirs/NAME
  mmseg-missing test NAME epoch_12.pth --trace dead=0.05,back=0.2
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ..apis.model import configure, load_config, load_weights
from ..apis.score import check_scoring, choose, know_base, score
from ..engine.checkpoints import read_checkpoint
from ..evaluation.protocols import PROTOCOLS, Protocol
from ..evaluation.trace_protocol import TraceProtocol
from ..evaluation.traces import RATES_TEXT, parse_trace
from ..modality import Stack
from ..monitoring import POLICIES
from ..startup.adapter_configs import has_adapter
from ..startup.dedicated import keep_modalities
from ..startup.plan import (
    build_data,
    build_network,
    data_facts,
    network_facts,
    plan_text,
    reads,
    writes,
)
from .arguments import (
    add_config,
    add_dry_run,
    add_faults,
    add_runner_arguments,
    apply_runner_arguments,
    dumped,
    verb_parser,
)
from .ending import say_next, saying


def parser() -> argparse.ArgumentParser:
    """Return the parser of this verb."""
    parser = verb_parser('test', __doc__)
    add_config(parser)
    parser.add_argument(
        'checkpoint', help='a base, a joined or a folded checkpoint'
    )
    parser.add_argument(
        '--adapter',
        nargs='+',
        metavar='FILE',
        help='adapter file (.safetensors); several are joined',
    )
    parser.add_argument(
        '--modalities',
        metavar='NAMES',
        help='what a dedicated network was trained for',
    )
    parser.add_argument(
        '--present',
        nargs='+',
        metavar='P',
        help='every (of whole sensors; default), subsets (all 2^M - 1), full, '
        'or combinations such as rgb+depth',
    )
    parser.add_argument(
        '--fill',
        help='default: as trained; zero, black, noise, copy:<name>',
    )
    parser.add_argument(
        '--protocol',
        choices=[*PROTOCOLS, 'trace'],
        metavar='NAME',
        help='EMM (default): modalities are missing; RMM: their values, by '
        'chance; RMM-blocks: in blocks; NM: noise; faults; trace: see --trace',
    )
    parser.add_argument(
        '--trace',
        metavar='T',
        help='what each frame has: CSV file of names, then of 0, 1, stale; or '
        f'rates, such as {RATES_TEXT},seed=1',
    )
    add_faults(parser)
    parser.add_argument(
        '--policy',
        choices=POLICIES,
        default='trust',
        metavar='NAME',
        help='trust (default), drop or recover sensors that are ill, by what '
        '`fit --by monitor` found',
    )
    parser.add_argument('--tta', action='store_true', help='multi-scale, flip')
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='for report.json, .csv, .png, or those of a protocol',
    )
    parser.add_argument(
        '--base',
        metavar='DIR',
        help='folder in which the base was scored before; tables then say '
        'what was won back',
    )
    add_dry_run(parser)
    add_runner_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Score."""
    args = parser().parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    check_scoring(cfg)
    if args.modalities is not None:
        keep_modalities(cfg, args.modalities)
    apply_runner_arguments(cfg, args)
    if args.dry_run:
        print(plan(cfg, args))
        return
    with saying('nothing was scored, start it again'):
        score(
            cfg,
            args.checkpoint,
            args.adapter,
            present=args.present,
            fill=args.fill,
            tta=args.tta,
            protocol=protocol_of(cfg, args),
            policy=args.policy,
            out=args.out,
            base=args.base,
        )
    what_next(cfg, args)


def protocol_of(cfg: Config, args: argparse.Namespace) -> Protocol:
    """Return how sensors shall fail; a trace alone says it too."""
    stack, name = Stack(cfg.model.stack), args.protocol
    name = name or ('EMM' if args.trace is None else 'trace')
    if (name == 'trace') != (args.trace is not None):
        raise ValueError(
            f'--protocol trace and --trace (a CSV, or {RATES_TEXT}) belong '
            f'together, got --protocol {name} and --trace {args.trace}'
        )
    if name == 'trace':
        return TraceProtocol(parse_trace(args.trace, stack))
    return Protocol.parse(name, stack.names, args.faults, args.severities)


def plan(cfg: Config, args: argparse.Namespace) -> str:
    """Say what would be scored, from what and to which files."""
    found = read_checkpoint(args.checkpoint)
    configure(cfg, found, args.adapter)
    protocol = protocol_of(cfg, args)
    choose(cfg, protocol, args.present, args.fill)
    if args.base:
        know_base(cfg, args.base, protocol)
    network = build_network(cfg)
    load_weights(network, found, args.checkpoint, args.adapter)
    names = network.stack.choose(cfg.test_cfg.present)
    data = build_data(cfg, 'test')
    names = protocol.occurring(names, data)
    facts = [
        *network_facts(network),
        *data_facts(data, 'test', cfg.test_dataloader),
        ('scores', f'{len(names)} combinations: {", ".join(names)}'),
        ('protocol', protocol.name),
        ('fill', str(cfg.model.get('fill', 'zero'))),
        reads(
            args.config,
            args.checkpoint,
            *(args.adapter or ()),
            *([args.base] if args.base else []),
            *([args.trace] if Path(args.trace or '').is_file() else []),
        ),
        writes(f'{cfg.work_dir}/', args.out and f'{args.out}/'),
    ]
    return plan_text(facts)


def what_next(cfg: Config, args: argparse.Namespace) -> None:
    """Print how a base is repaired, or a repaired network is used."""
    is_changed = args.cfg_options or args.modalities
    config = dumped(cfg) if is_changed else args.config
    stack, folded = Stack(cfg.model.stack), cfg.model.get('folded')
    given = (config, args.checkpoint)
    is_done = args.adapter or has_adapter(cfg) or folded
    is_done = is_done or cfg.model.get('completion')
    if is_done or len(stack.sensors) < 2:
        files = ('--adapter', *args.adapter) if args.adapter else ()
        kept = folded['combination'] if folded else stack.full
        frame = (f'--{kept.split("+")[0]}', 'FRAME', '--out', 'mask.png')
        say_next('predict', *given, *files, *frame, why='the mask of a frame')
    else:
        say_next('repair', *given, why='adapters for what may be missing')
