"""Small folders of runs that never ran."""

import json
from html.parser import HTMLParser
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmseg_missing.evaluation import (
    CombinationScores,
    Cost,
    Report,
    write_report,
)
from mmseg_missing.evaluation.calibration import BINS, PARTS
from mmseg_missing.evaluation.setting import Setting
from mmseg_missing.reporting.pictures import BEST, WORST, Gallery, Picture

NAMES = ('rgb+depth', 'rgb', 'depth')
CLASSES = ('wall', '<b>floor</b>')


def report_of(right, classes=CLASSES, modalities=('rgb', 'depth'), **options):
    """A report in which of 10 pixels of each class so many are right."""
    known = len(modalities) > 1
    names = NAMES if known else modalities
    scores = []
    for name, count in zip(names, right, strict=True):
        matrix = torch.tensor([[count, 10 - count], [10 - count, count]])
        sure = torch.zeros(3, BINS, dtype=torch.long)
        sure[:, 9] = torch.tensor([20, 2 * count, int(20 * 0.65 * PARTS)])
        scores.append(CombinationScores.from_matrix(name, 5, matrix, sure))
    return Report(
        **{
            'modalities': tuple(modalities),
            'classes': classes,
            'rule': 'mmseg',
            'fill': 'zero',
            'split': 'test',
            'missing_rates': (0.1,),
            'combinations': tuple(scores),
            **options,
        }
    )


def cost_of(folder, added=0, modalities=('rgb', 'depth')):
    """Write what a training cost."""
    folder.mkdir(parents=True, exist_ok=True)
    cost = Cost(
        *('small', 3, modalities, 70, 1000 + added, added, added, 40),
        *(12.0, 0.3, 100.0, 'somehow', 'cpu', 2, 'FullSampler', {}),
    )
    (folder / 'cost.json').write_text(cost.to_json())


def scalars_of(folder, *records):
    """Write what a training recorded."""
    path = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(map(json.dumps, records)) + '\n{"cut of')


def pictures_of(folder):
    """Write two cases."""
    place = folder / 'pictures'
    place.mkdir()
    _, png = cv2.imencode('.png', np.zeros((4, 6, 3), np.uint8))
    names = 'a.png', 'b.png'
    for name in names:
        (place / name).write_bytes(png.tobytes())
    Gallery(
        tuple(
            Picture(kind, *names, 'street<1>', 'rgb', 10.0, 40.0)
            for kind in (BEST, WORST)
        ),
        {'wall': (1, 2, 3), '<b>floor</b>': (4, 5, 6)},
    ).write(place)


def analysis_of(folder):
    """Write what `analyze` writes, as far as it is shown."""
    values = {'rgb': 30.0, 'depth': 12.5}
    part = {'shapley': values, 'interactions': {'rgb+depth': -1.0}}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'analysis.json').write_text(
        json.dumps(
            {
                'setting': {'config': 'small', 'images': 7, 'adapter': None},
                'importance': {'base': {'mIoU': part, '-NLL': part}},
                'sites': [
                    {
                        'name': f'backbone.{i}.conv',
                        'kind': 'Conv2d',
                        'numbers': 8,
                        'score': 0.5 / (i + 1),
                        'chosen': i < 2,
                    }
                    for i in range(4)
                ],
            }
        )
    )


@pytest.fixture
def repair(tmp_path):
    """Return a function that writes the folder of a repair."""

    def repair(name='small-repaired', right=(9, 7, 6), **options):
        folder = tmp_path / name
        before = report_of((9, 5, 2), **options)
        after = report_of(right, **options).against(before)
        for part, report in {'before': before, 'after': after}.items():
            write_report(report, folder / part)
        Setting.here(
            config='small', checkpoint='epoch_1.pth', adapter='adapter.x'
        ).write(folder)
        cost_of(folder / 'train', added=50)
        return folder

    return repair


class Reader(HTMLParser):
    """What a browser makes of a page, roughly."""

    VOID = {'meta', 'br', 'img', 'link', 'input'}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts, self.depth = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data):
        if self.open and self.open[-1] not in ('style', 'script'):
            self.texts.append((tuple(self.open), data.strip()))


@pytest.fixture
def read():
    """Return a function that reads a page."""

    def read(text):
        reader = Reader()
        reader.feed(text)
        reader.close()
        assert not reader.open
        words = [words for _, words in reader.texts if words]
        headings = [
            (path[-1], words)
            for path, words in reader.texts
            if words and path[-1] in ('h1', 'h2', 'h3', 'h4')
        ]
        return SimpleNamespace(
            tags=reader.tags, words=words, headings=headings
        )

    return read
