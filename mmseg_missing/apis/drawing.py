"""Pictures of what a repair did, for a few images that tell most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import Dataset

from ..adapters import adapted
from ..datasets.classes import voc_palette
from ..evaluation.batches import masks_of, restrict
from ..evaluation.images import Case, ImageScores, pick
from ..reporting.pictures import (
    BEST,
    FOLDER,
    PARTS,
    WORST,
    Gallery,
    Picture,
    file_stem,
)
from ..visualization.panels import panel
from ..visualization.pictures import GAP, write_picture

# Pictures of each kind, and pixels of the widest cell.
NUMBER, WIDTH = 4, 240


def draw_repairs(
    network: nn.Module,
    dataset: Dataset,
    before: str | Path,
    after: ImageScores,
    out: str | Path,
) -> Gallery | None:
    """Draw the largest repairs and the worst that is left.

    Args:
        network: With adapters.
        dataset: That it was scored on.
        before: Folder in which the base was scored.
        after: Scores of single images with the adapters.
        out: Folder of the report; pictures lie in ``pictures`` there.

    Returns:
        What was drawn; None where nothing is to be seen: no adapters, or no
        scores of single images before.
    """
    known = ImageScores.read(before)
    if known is None or not any(adapted(network)):
        return None
    cases = after.cases(known, network.stack.full)
    kinds = {
        BEST: pick((c for c in cases if c.gain > 0), lambda c: c.gain, NUMBER),
        WORST: pick(cases, lambda c: -c.after, NUMBER),
    }
    meta = dataset.metainfo
    palette = meta.get('palette') or voc_palette(len(meta['classes']))
    folder, shown = Path(out) / FOLDER, []
    for kind, chosen in kinds.items():
        for number, case in enumerate(chosen, 1):
            drawn = _draw(network, dataset, case, palette)
            if drawn is not None:
                start = f'{file_stem(kind)}-{number}'
                files = [f'{start}-{what}.png' for what in PARTS]
                for file, part in zip(files, drawn, strict=True):
                    write_picture(folder / file, part)
                shown.append(Picture.of(kind, *files, case))
    if not shown:
        return None
    colours = {
        name: tuple(map(int, rgb))
        for name, rgb in zip(meta['classes'], palette)
    }
    gallery = Gallery(tuple(shown), colours)
    gallery.write(folder)
    return gallery


@torch.no_grad()
def _draw(
    network: nn.Module,
    dataset: Dataset,
    case: Case,
    palette: Sequence[Sequence[int]],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the inputs of a case in a row, and what became of them.

    None: the image is not found again.
    """
    item = _find(dataset, case)
    if item is None:
        return None
    stack = network.stack
    batch = network.data_preprocessor(pseudo_collate([item]), False)
    present = stack.present(case.combination)
    told = restrict(batch['data_samples'], present)
    masks = {}
    with network.unrepaired():
        [masks['base']] = masks_of(network, batch['inputs'], told)
    told = restrict(batch['data_samples'], present)
    [masks['repaired']] = masks_of(network, batch['inputs'], told)
    labels = {
        name: sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        for name, sample in masks.items()
    }
    truth = item['data_samples'].gt_sem_seg.data[0]
    labels['truth'] = truth.numpy().astype(np.uint8)
    values = item['inputs'].permute(1, 2, 0).numpy()
    frame = {
        name: _small(values[..., channels], cv2.INTER_AREA)
        for name, channels in stack.slices.items()
    }
    row = panel(
        frame,
        dict(zip(stack.names, present.flatten().tolist(), strict=True)),
        {n: _small(m, cv2.INTER_NEAREST_EXACT) for n, m in labels.items()},
        palette,
    )
    cells = len(stack) + len(labels)
    middle = (row.shape[1] - GAP) * len(stack) // cells
    # Both parts have a gap at either end.
    return row[:, : middle + GAP], row[:, middle:]


def _find(dataset: Dataset, case: Case) -> dict | None:
    """Return the item of a case, wherever joined data sets put it."""
    ends = getattr(dataset, 'cumulative_sizes', ())
    for start in (0, *ends):
        place = start + case.index
        if 0 <= place < len(dataset):
            item = dataset[place]
            if item['data_samples'].metainfo.get('img_path') == case.image:
                return item
    return None


def _small(array: np.ndarray, how: int) -> np.ndarray:
    """Shrink (h, w) or (h, w, c) to the widest cell, where it is wider."""
    height, width = array.shape[:2]
    if width <= WIDTH:
        return array
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    small = cv2.resize(array, size, interpolation=how)
    return small.reshape(*small.shape[:2], *array.shape[2:])
