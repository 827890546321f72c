"""Measure what the pipeline of a config costs beside decoding its files."""

import argparse
from pathlib import Path

import cv2
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmseg_missing.apis.model import read_config
from mmseg_missing.benchmark.loading import loading_table, time_steps
from mmseg_missing.cli.arguments import add_config_options, at_least
from mmseg_missing.cli.ending import run_tool
from mmseg_missing.datasets.transforms.file_format import file_list
from mmseg_missing.datasets.transforms.reading import read_array
from mmseg_missing.startup.checks import require
from mmseg_missing.values import data_sets


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--split',
        choices=['train', 'val', 'test'],
        default='train',
        help='whose dataloader, and so whose pipeline',
    )
    parser.add_argument(
        '--images', type=at_least(1), default=100, help='images to load'
    )
    add_config_options(parser)
    return parser.parse_args()


def decode(sample: dict) -> None:
    """Read the files of a sample, each once, and do nothing else."""
    if 'modality_paths' not in sample:
        raise ValueError(
            'this data set reads no files, so its pipeline cannot be compared '
            'with decoding them; choose another config'
        )
    paths = sample['modality_paths'].values()
    files = {file for some in paths for file in file_list(some)}
    if sample['labelled']:
        files.add(sample['seg_map_path'])
    for path in files:
        if Path(path).is_file():  # others are absent, or refused by loading
            read_array(path)


def main() -> None:
    """Print a table of steps."""
    args = parse_args()
    cv2.setNumThreads(1)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    parts = data_sets(require(cfg, f'{args.split}_dataloader.dataset'))
    for number, part in enumerate(parts, 1):
        dataset = DATASETS.build(part)
        indices = [i % len(dataset) for i in range(args.images + 1)]
        if len(parts) > 1:
            print(f'data set {number} of {len(parts)}:')
        print(loading_table(time_steps(dataset, indices, decode)))


if __name__ == '__main__':
    run_tool(main)
