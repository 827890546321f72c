"""The picture grid of the demo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mmseg.registry import DATASETS
from stages import Trained

from mmseg_missing.apis import Inferencer
from mmseg_missing.visualization.pictures import (
    colorize_label,
    colorize_modality,
    contact_sheet,
    write_picture,
)

# What each row of the grid still has.
ROWS = ('depth+thermal', 'rgb+thermal', 'rgb', 'depth', 'thermal')
ZOOM = 2


def draw_grid(
    path: Path, base: Trained, adapted_config: Path, adapter: Path
) -> None:
    """Write inputs, broken and repaired prediction, and truth to a PNG.

    Args:
        path: Of the picture.
        base: The trained base.
        adapted_config: Config of its adapted sibling.
        adapter: Adapter file.
    """
    broken = Inferencer(base.config, base.checkpoint)
    repaired = Inferencer(adapted_config, base.checkpoint, adapter)
    stack = broken.model.stack
    scenes = DATASETS.build(broken.model.cfg.test_dataloader.dataset)
    palette = scenes.metainfo['palette']
    rows = []
    for index, combination in enumerate(ROWS):
        scene = scenes.get_data_info(index)
        present = dict(zip(stack.names, stack.present(combination)[0]))
        frame = {n: a for n, a in scene['modalities'].items() if present[n]}
        inputs = [
            colorize_modality(frame[name]) if present[name] else None
            for name in stack.names
        ]
        labels = [broken(frame), repaired(frame), scene['gt_seg_map']]
        pictures = [colorize_label(label, palette) for label in labels]
        rows.append([_zoomed(cell) for cell in (*inputs, *pictures)])
    titles = [*stack.names, 'base', 'adapted', 'truth']
    write_picture(path, contact_sheet(rows, titles))


def _zoomed(picture: np.ndarray | None) -> np.ndarray | None:
    if picture is None:
        return None
    return picture.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
