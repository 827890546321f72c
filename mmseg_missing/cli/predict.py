"""Segment frames, whose sensors may be missing.

Each modality of the network is an option of its name, with a file, a folder
of files, matched by their names, or a video; or --manifest names a table.
What is left out is absent, and so is a file that one folder lacks. Written
are class indices, and an overlay in colours. A broken file is named and left
out; the exit status is 1 then.

Example:
  mmseg-missing predict NAME work_dirs/NAME/epoch_30.pth \\
    --adapter adapter.safetensors --rgb frame.png --out mask.png
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from mmengine.dist import (
    all_gather_object,
    get_dist_info,
    is_main_process,
)
from rich.progress import track
from torch import distributed

from ..apis.frames import FrameReader
from ..apis.inferencer import MultiModalInferencer
from ..apis.inputs import Frame, dropped, find_frames, frames_of
from ..apis.model import load_config
from ..apis.saving import (
    check_places,
    is_saved,
    overlay_path,
    panel_path,
    save,
)
from ..apis.videos import VideoFrame
from ..evaluation import check_writable
from ..monitoring import POLICIES
from .arguments import (
    add_config,
    add_config_options,
    add_device,
    add_number,
    add_trust,
    verb_parser,
)
from .ending import printable, say_next

# Processes wait this long for the slowest one.
PATIENCE = timedelta(days=7)
# Times that a sensor was out which are told.
MOST_SPANS = 8


def parser(modalities: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of this verb, with an option per modality."""
    parser = verb_parser('predict', __doc__)
    add_config(parser)
    parser.add_argument('checkpoint', help='base, joined or folded checkpoint')
    for name in modalities or ('MODALITY',):
        parser.add_argument(
            f'--{name}',
            dest=f'files_{name}',
            metavar='PATH',
            help='a file, folder or video; absent where left out',
        )
    parser.add_argument(
        '--manifest',
        metavar='FILE',
        help='a .csv or .json with a column of paths per modality',
    )
    parser.add_argument(
        '--adapter', nargs='+', metavar='FILE', help='adapter file'
    )
    parser.add_argument(
        '--out',
        required=True,
        metavar='PATH',
        help='the mask of one frame (.png), or a folder',
    )
    parser.add_argument(
        '--panel',
        action='store_true',
        help='also draw inputs, prediction, and that of the bare base',
    )
    parser.add_argument(
        '--drop',
        nargs='+',
        default=[],
        metavar='D',
        help='rehearse: depth, or depth@100-200 (frames, from 0)',
    )
    parser.add_argument(
        '--policy',
        default='trust',
        choices=list(POLICIES),
        help='what becomes of ill sensors; default: trust',
    )
    parser.add_argument(
        '--monitor',
        action='store_true',
        help='leave out sensors that are ill, and say when; as --policy drop, '
        'and of videos what is remembered',
    )
    add_number(parser, '--batch-size', 1, 'frames at a time')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='skip frames whose masks are there and whole',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch'],
        default='none',
        metavar='L',
        help='pytorch: torchrun spreads the frames over processes',
    )
    add_device(parser)
    add_config_options(parser)
    add_trust(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Segment."""
    argv = list(sys.argv[1:] if argv is None else argv)
    known = parser().parse_args(without_unknown(argv))
    cfg = load_config(known.config, known.cfg_options)
    names = FrameReader(cfg).names
    args = parser(names).parse_args(argv)
    frames = given_frames(args, names)
    masks = mask_paths(Path(args.out), [frame.name for frame in frames])
    check_places(frames, masks, args.panel)
    start_processes(args.launcher)
    if args.monitor:
        check_order(args, frames)
        args.policy = 'drop' if args.policy == 'trust' else args.policy
    segment = MultiModalInferencer(
        cfg,
        args.checkpoint,
        args.adapter,
        args.device,
        policy=args.policy,
    )
    rank, processes = get_dist_info()
    mine = frames[rank::processes]
    if args.resume:
        mine = [f for f in mine if not is_saved(masks[f.name], args.panel)]
    failed, left_out = run(segment, mine, masks, args)
    of_all = all_gather_object((len(mine), failed, left_out))
    if is_main_process():
        done = sum(count for count, *_ in of_all)
        failures = {k: v for _, each, _ in of_all for k, v in each.items()}
        outs = {k: v for *_, each in of_all for k, v in each.items()}
        for line in taken_out(frames, outs):
            print(line)
        finish(args, frames, masks, done, failures)
    if any(each for _, each, _ in of_all):
        sys.exit(1)


def given_frames(
    args: argparse.Namespace, names: Sequence[str]
) -> list[Frame]:
    """Return the frames that the arguments name.

    Raises:
        FileNotFoundError: what is not there.
        ValueError: nothing given, or what does not go together.
    """
    given = {
        name: Path(path)
        for name in names
        if (path := getattr(args, f'files_{name}'))
    }
    if args.manifest and given:
        raise ValueError('give --manifest or files of modalities, not both')
    if not args.manifest and not given:
        options = ', '.join(f'--{name}' for name in names)
        raise ValueError(
            f'a frame needs one of {options} or --manifest, got none'
        )
    found = (
        frames_of(args.manifest, names)
        if args.manifest
        else find_frames(given)
    )
    return dropped(found, args.drop, names)


def start_processes(launcher: str) -> None:
    """Let processes that torchrun started know each other.

    Raises:
        ValueError: it did not start this one.
    """
    if launcher == 'none':
        return
    if 'RANK' not in os.environ:
        raise ValueError(
            '--launcher pytorch needs torchrun: `torchrun --nproc_per_node=2 '
            '-m mmseg_missing predict ... --launcher pytorch`'
        )
    distributed.init_process_group('gloo', timeout=PATIENCE)


def is_video(frames: Sequence[Frame]) -> bool:
    """Say whether frames follow each other in time."""
    return any(
        isinstance(value, VideoFrame)
        for frame in frames
        for value in frame.given.values()
    )


def check_order(args: argparse.Namespace, frames: Sequence[Frame]) -> None:
    """Refuse to follow a video whose frames are not seen in order.

    Raises:
        ValueError: several processes share them, or some are skipped.
    """
    for is_given, option in (
        (args.launcher != 'none', '--launcher'),
        (args.resume, '--resume'),
    ):
        if is_given and is_video(frames):
            raise ValueError(
                '--monitor follows a video from frame to frame; leave '
                f'{option} out'
            )


def run(
    segment: MultiModalInferencer,
    frames: Sequence[Frame],
    masks: Mapping[str, Path],
    args: argparse.Namespace,
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Segment and write frames.

    Returns:
        A sentence for each that failed, and the sensors that were there and
        not used in each of the others, by name of the frame.
    """
    failed, left_out = {}, {}
    if args.monitor and is_video(frames):
        results = segment.stream(frame.given for frame in frames)
    else:
        results = segment.results(list(frames), args.batch_size, args.panel)
    shown = track(
        results, 'frames', len(frames), disable=not is_main_process()
    )
    # The bar asks first: it ends with its last frame.
    for result, frame in zip(shown if frames else (), frames):
        if result.failure is not None:
            failed[frame.name] = result.error
            continue
        save(masks[frame.name], result, segment.palette, args.panel)
        given = frame.combination.split('+')
        used = result.present.items()
        left_out[frame.name] = [n for n, is_ in used if n in given and not is_]
    return failed, left_out


def taken_out(
    frames: Sequence[Frame], left_out: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Say of each sensor that was taken out in which frames.

    Args:
        frames: All, in order.
        left_out: What was taken out by name of the frame.
    """
    order = [frame.name for frame in frames if frame.name in left_out]
    for name in dict.fromkeys(n for each in left_out.values() for n in each):
        runs = [
            [frame for frame, _ in group]
            for is_out, group in groupby(
                ((f, name in left_out[f]) for f in order), lambda pair: pair[1]
            )
            if is_out
        ]
        spans = [r[0] if len(r) == 1 else f'{r[0]} to {r[-1]}' for r in runs]
        more = f' and {len(spans) - MOST_SPANS} more times'
        yield (
            f'{name} was taken out of {sum(map(len, runs))} of {len(order)} '
            f'frames: {", ".join(spans[:MOST_SPANS])}'
            f'{more if len(spans) > MOST_SPANS else ""}'
        )


def finish(
    args: argparse.Namespace,
    frames: Sequence[Frame],
    masks: Mapping[str, Path],
    done: int,
    failed: Mapping[str, str],
) -> None:
    """Say what was written, what was not, and what to run next.

    Raises:
        ValueError: the only frame failed.
    """
    if len(frames) == 1 and failed:
        raise ValueError(failed[frames[0].name])
    for name, error in failed.items():
        print(f'left out {name}: {printable(error)}', file=sys.stderr)
    good = [frame for frame in frames if frame.name not in failed]
    skipped = len(frames) - done
    if skipped:
        print(f'{skipped} of {len(frames)} frames were there already')
    if good:
        first = masks[good[0].name]
        written = [first, overlay_path(first)]
        written += [panel_path(first)] if args.panel else []
        more = ' and so on' if len(good) > 1 else ''
        print(f'\n{told(good)}: {", ".join(map(str, written))}{more}')
        what_next(args, good)


def without_unknown(argv: Sequence[str]) -> list[str]:
    """Leave out options that depend on the config, and their values."""
    options = parser()._option_string_actions
    kept, words = [], iter(argv)
    for word in words:
        name, is_joined, _ = word.partition('=')
        if not name.startswith('--') or name in options:
            kept.append(word)
        elif not is_joined:
            next(words, None)
    return kept


def mask_paths(out: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return where each mask goes.

    Raises:
        OSError: it cannot be written.
        ValueError: one file for several frames.
    """
    if out.suffix != '.png':
        check_writable(out)
        return {name: out / f'{name}.png' for name in names}
    if len(names) > 1:
        raise ValueError(
            f'--out {str(out)!r} is one file for {len(names)} frames; give a '
            'folder'
        )
    check_writable(out.parent)
    return {names[0]: out}


def told(frames: Sequence[Frame]) -> str:
    """Say how many frames had what."""
    counts = Counter(frame.combination for frame in frames)
    words = (f'{count} of {name}' for name, count in counts.most_common())
    noun = 'frame' if len(frames) == 1 else 'frames'
    return f'{len(frames)} {noun} ({", ".join(words)})'


def what_next(args: argparse.Namespace, frames: Sequence[Frame]) -> None:
    """Print how it gets faster for one combination, or how good it is."""
    given = (args.config, args.checkpoint)
    files = ('--adapter', *args.adapter) if args.adapter else ()
    name, *others = {frame.combination for frame in frames}
    if others or not files:
        why = 'how good it is with each combination'
        say_next('test', *given, *files, why=why)
        return
    out = Path(args.out).with_name(f'{name}.pth')
    kept = ('--combination', name)
    why = f'faster where nothing but {name} is there'
    say_next('fold', *given, out, *files, *kept, why=why)
