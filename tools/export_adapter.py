"""Write the adapters of a joined checkpoint to one small file."""

import argparse
from pathlib import Path

from mmseg_missing.adapters import adapted, save_adapter
from mmseg_missing.apis import init_model
from mmseg_missing.apis.model import load_config
from mmseg_missing.cli.arguments import add_trust
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.evaluation import check_writable
from mmseg_missing.startup.checks import require
from mmseg_missing.startup.start import adapter_share


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config with `model.adapter`')
    parser.add_argument('checkpoint', help='joined checkpoint (epoch_N.pth)')
    parser.add_argument('out', help='the file to write (.safetensors)')
    parser.add_argument(
        '--combination',
        nargs='+',
        help='write these alone, as rgb or rgb+depth; default: all',
    )
    add_trust(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    check_writable(Path(args.out).parent)
    cfg = load_config(args.config)
    require(cfg, 'model.stack')
    model = init_model(cfg, args.checkpoint)
    roots = dict(adapted(model))
    if len(roots) != 1:
        raise ValueError(
            f'{args.config!r} has {len(roots)} adapted networks, expected 1; '
            'check `model.adapter`'
        )
    ((name, root),) = roots.items()
    extra = {'fill': model.fill, 'root': name}
    combinations = save_adapter(
        root, args.out, extra, combinations=args.combination
    )
    size = Path(args.out).stat().st_size / 2**20
    print(f'{args.out}: {", ".join(combinations)}; {size:.2f} MiB')
    print(adapter_share(model))


if __name__ == '__main__':
    run_tool(main)
