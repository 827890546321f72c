"""Dissolve adapters into a plain network for one combination."""

import argparse
from pathlib import Path

import torch

from mmseg_missing import __version__
from mmseg_missing.adapters import adapted, fold
from mmseg_missing.apis import init_model
from mmseg_missing.apis.cli import run_tool
from mmseg_missing.apis.model import configure, load_config
from mmseg_missing.evaluation import check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the base or its sibling')
    parser.add_argument('checkpoint', help='a base or a joined checkpoint')
    parser.add_argument('out', help='the folded checkpoint to write (.pth)')
    parser.add_argument('--adapter', help='adapter file (.safetensors)')
    parser.add_argument(
        '--combination', required=True, help='what will be present, e.g. rgb'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    out = Path(args.out)
    check_writable(out.parent)
    model = init_model(args.config, args.checkpoint, args.adapter)
    roots = list(adapted(model))
    if not roots:
        raise ValueError('there are no adapters to fold; give --adapter')
    fill = {
        name: vector.tolist()
        for _, root in roots
        for name, vector in (root.adapters.fill or {}).items()
    }
    biases = [
        f'{name}.{layer}' if name else layer
        for name, root in roots
        for layer in fold(root, args.combination)
    ]
    combination = model.stack.format(model.stack.parse(args.combination))
    meta = {
        'mmseg_missing_version': __version__,
        'folded': {
            'combination': combination,
            'biases': biases,
            'fill': fill,
        },
        'fill': model.fill,
    }
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, out)
    cfg = load_config(args.config)
    configure(cfg, {'meta': meta, 'state_dict': {}})
    cfg.dump(out.with_suffix('.py'))
    print(
        f'{out}: a plain network for {combination}; {len(biases)} layers '
        f'gained a bias, as {out.with_suffix(".py")} says'
    )


if __name__ == '__main__':
    run_tool(main)
