"""Measure what the pipeline of a config costs beside decoding its files."""

import argparse
from pathlib import Path

import cv2
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

from mmseg_missing.analysis.loading import loading_table, time_steps
from mmseg_missing.apis.cli import ConfigOptions, run_tool
from mmseg_missing.datasets.transforms.file_format import file_list
from mmseg_missing.datasets.transforms.reading import read_array


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
        '--images', type=int, default=100, help='images to load'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=ConfigOptions,
        help='override config entries, key=value',
    )
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
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options or {})
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    dataset = DATASETS.build(cfg[f'{args.split}_dataloader'].dataset)
    indices = [i % len(dataset) for i in range(args.images + 1)]
    print(loading_table(time_steps(dataset, indices, decode)))


if __name__ == '__main__':
    run_tool(main)
