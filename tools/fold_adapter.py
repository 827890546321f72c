"""Dissolve adapters and BatchNorms into one combination's plain network."""

import argparse
from pathlib import Path

import torch

from mmseg_missing import __version__
from mmseg_missing.adapters import fold_network
from mmseg_missing.apis import init_model
from mmseg_missing.apis.model import configure, load_config
from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.evaluation import check_writable
from mmseg_missing.startup.checks import require


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the base or its sibling')
    parser.add_argument('checkpoint', help='a base or a joined checkpoint')
    parser.add_argument('out', help='the folded checkpoint to write (.pth)')
    parser.add_argument('--adapter', help='adapter file (.safetensors)')
    parser.add_argument(
        '--combination', required=True, help='what will be present, e.g. rgb'
    )
    parser.add_argument(
        '--keep-norms',
        action='store_true',
        help='leave BatchNorms as they are',
    )
    add_trust(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out = Path(args.out)
    check_writable(out.parent)
    cfg = load_config(args.config)
    require(cfg, 'model.stack')
    model = init_model(cfg, args.checkpoint, args.adapter)
    image = torch.zeros(1, model.stack.num_channels, 64, 64)
    folded = fold_network(
        model, args.combination, None if args.keep_norms else image
    )
    meta = {
        'mmseg_missing_version': __version__,
        'folded': folded,
        'fill': model.fill,
        'dataset_meta': model.dataset_meta,
    }
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, out)
    configure(cfg, {'meta': meta, 'state_dict': {}})
    cfg.dump(out.with_suffix('.py'))
    print(
        f'{out}: a plain network for {folded["combination"]}; '
        f'{len(folded["biases"])} layers gained a bias, '
        f'{len(folded["norms"])} BatchNorms went into the convolution before '
        f'them, as {out.with_suffix(".py")} says'
    )


if __name__ == '__main__':
    run_tool(main)
