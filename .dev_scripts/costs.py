"""Compare what several networks cost: python .dev_scripts/costs.py CONFIG ...

A training step and a frame of each, in ratio to those of the first config,
which has all sensors: medians of processor time. The networks run in turn, on
one thread, with random weights and images, frames four times as often as
training steps. An imputer counts as fitted. For tables in docs/results.
"""

import argparse
from statistics import median
from time import process_time

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch import nn

import mmseg_missing.models  # noqa: F401
from mmseg_missing.benchmark.measuring import interleave
from mmseg_missing.benchmark.steps import Forward, Training, random_batch
from mmseg_missing.startup.config_files import shipped

BATCH, WARM_UP = 8, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('configs', nargs='+', help='below configs/')
    parser.add_argument('--present', nargs='+', required=True)
    parser.add_argument('--shape', nargs=2, type=int, default=(64, 96))
    parser.add_argument('--repeats', type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    names, size = args.configs, tuple(args.shape)
    networks = {name: build(name) for name in names}
    full = networks[names[0]].stack.full
    steps = {
        n: Training(net, *random_batch(net, full, size, BATCH, 'cpu'))
        for n, net in networks.items()
    }
    first = timed(steps, args.repeats)
    print_row('training step', first, names, first[names[0]])
    reference = None
    for present in (full, *args.present):
        frames = {
            n: Forward(net, *random_batch(net, present, size, 1, 'cpu'))
            for n, net in networks.items()
        }
        found = timed(frames, 4 * args.repeats)
        reference = reference or found[names[0]]
        print_row(f'frame, {present}', found, names, reference)


def build(name: str) -> nn.Module:
    """Return a network of a config, without pretrained weights."""
    cfg = Config.fromfile(str(shipped(f'configs/{name}.py')))
    network = MODELS.build(cfg.model)
    if network.imputer is not None:
        network.imputer.fitted.fill_(True)
    return network


def timed(steps: dict, repeats: int) -> dict[str, float]:
    """Return the median of the seconds of each step."""
    seconds = interleave(steps, repeats, WARM_UP, clock=process_time)
    return {name: median(values) for name, values in seconds.items()}


def print_row(
    what: str, found: dict[str, float], names: list[str], one: float
) -> None:
    """Print ratios as a row of a table."""
    cells = (f'{found[name] / one:.2f}' for name in names)
    print(f'| {what} | {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
    main()
