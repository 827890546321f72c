"""A view as HTML that needs no other file; every name is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape

import cv2
import numpy as np

from ..apis.saving import picture_of
from ..corruptions import SEVERITIES
from ..values import VOID
from ..visualization.panels import BACKGROUND, crossed_out, widened
from ..visualization.pictures import (
    colorize_label,
    colorize_modality,
    png_bytes,
)
from .studio import Studio, Timed, View

# Smaller pictures are enlarged, so that a cross on them is a thin one; of
# larger ones some pixels are left out, for they travel with every click.
LEAST_WIDTH, MOST_WIDTH = 288, 1000
# Blue and orange differ for the colour-blind and in grey, too.
BETTER, WORSE, OTHER = (0, 114, 178), (230, 130, 0), (170, 80, 140)
FADED = 0.35
MIOU = (
    'mIoU: the overlap with the truth, averaged over the classes of this one '
    'image.'
)

CSS = """
.mm-row {display: grid; gap: 12px; margin: 4px 0 16px;
  grid-template-columns: repeat(auto-fill, minmax(min(45%, 200px), 1fr))}
.mm-row figure {margin: 0}
.mm-row img {width: 100%; image-rendering: pixelated; display: block;
  border-radius: 4px; border: 1px solid var(--border-color-primary)}
.mm-row figcaption {font-size: 0.9rem; line-height: 1.35; margin-top: 4px}
.mm-row figcaption b {display: block}
.mm-view h3 {margin: 8px 0 2px; font-size: 1.05rem}
.mm-legend {display: flex; flex-wrap: wrap; gap: 4px 14px; padding: 0;
  margin: 0 0 16px; list-style: none; font-size: 0.9rem}
.mm-legend li {display: flex; align-items: center; gap: 6px; margin: 0}
.mm-legend i {flex: none; width: 14px; height: 14px; border: 1px solid #8888;
  border-radius: 3px; display: inline-block}
.mm-view .mm-links a {display: inline-block; margin: 0 8px 8px 0;
  padding: 8px 14px; border-radius: 6px; text-decoration: none;
  border: 1px solid var(--border-color-primary);
  color: var(--body-text-color)}
.mm-view .mm-links a:focus-visible {outline: 3px solid #0072b2}
.mm-off {color: #b03030; font-weight: 600}
.dark .mm-off {color: #ff9a8a}
.mm-message {border-left: 5px solid #b03030; padding: 8px 12px; margin: 0;
  background: #b030301f; overflow-wrap: anywhere}
input[type=range]::-webkit-slider-thumb {border: 1px solid #71717a}
input[type=range]::-moz-range-thumb {border: 1px solid #71717a}
.mm-note {border-left-color: #b07800; background: #b078001f}
"""


def message_html(text: str, kind: str = '') -> str:
    """Return a sentence that screen readers say at once."""
    return f'<p class="mm-message {kind}" role="alert">{escape(text)}</p>'


def view_html(view: View, studio: Studio) -> str:
    """Return inputs, predictions, difference, legend and figures."""
    parts = [
        *(message_html(f'Note: {n}', 'mm-note') for n in view.notes),
        '<h3>What the network is given</h3>',
        _row(_inputs(view, studio)),
        f'<p>{summary(view, studio)}</p>',
        '<h3>What it makes of it</h3>',
        f'<p>{MIOU if _truth(view) is not None else ""}</p>',
        _row(_predictions(view, studio)),
        _legend(_colours(view, studio)),
        _links(view, studio),
    ]
    return f'<section class="mm-view">{"".join(parts)}</section>'


def summary(view: View, studio: Studio) -> str:
    """Say, in HTML, what is present and what the repair changes and costs."""
    lacking = [name for name, has in view.present.items() if not has]
    missing = f'; missing: <b>{escape(", ".join(lacking))}</b>'
    text = f'Present: <b>{escape(view.combination.replace("+", ", "))}</b>'
    text += f'{missing if lacking else ""}. '
    if view.base is None:
        return text + (
            'There is no adapter here, so there is no repair: start '
            '<code>mmseg-missing serve</code> with <code>--adapter FILE</code>'
            ' to see one.'
        )
    share = 100 * studio.added / studio.size
    cost = (
        f'It adds {studio.added:,} numbers to the {studio.size:,} of the '
        f'network ({share:.2g} %).'
    )
    if not (lacking or view.changed.any()):
        return text + (
            'With all sensors the repair changes nothing, by design: switch '
            f'one off. {cost}'
        )
    changed = 100 * view.changed.mean()
    return f'{text}The repair changes {changed:.1f} % of the pixels. {cost}'


def difference_picture(view: View) -> np.ndarray:
    """Return (H, W, 3): changed pixels in colour on a faded input."""
    if view.base is None:
        raise ValueError('without adapters there is no difference to draw')
    present = {n: a for n, a in view.frame.items() if view.present[n]}
    grey = cv2.cvtColor(picture_of(present), cv2.COLOR_RGB2GRAY)
    faded = 255 - FADED * (255 - grey.astype(np.float32))
    picture = np.repeat(faded.astype(np.uint8)[..., None], 3, axis=2)
    picture[view.changed] = OTHER
    truth = _truth(view)
    if truth is not None:
        known = view.changed & (truth != VOID)
        picture[known & (view.repaired.mask == truth)] = BETTER
        picture[known & (view.base.mask == truth)] = WORSE
    return picture


def _truth(view: View) -> np.ndarray | None:
    label = view.sample.label
    is_whole = label is not None and label.shape == view.repaired.mask.shape
    return label if is_whole else None


def _inputs(view: View, studio: Studio) -> Iterator[str]:
    size = view.repaired.mask.shape
    ill = {
        name: f'suffers from {fault}, {severity} of {max(SEVERITIES)}'
        for sensor, (fault, severity) in view.faults.items()
        for name in studio.sensors[sensor]
    }
    for name, is_used in view.present.items():
        if is_used:
            cell = _sized(colorize_modality(view.frame[name]))
            yield _figure(cell, name, escape(ill.get(name, '')))
            continue
        words, cell = 'not in this sample', np.full((*size, 3), BACKGROUND)
        if name in view.frame:
            words, cell = 'switched off', colorize_modality(view.frame[name])
        words = f'<span class="mm-off">{words}</span>'
        yield _figure(crossed_out(_sized(np.uint8(cell))), name, words)


def _predictions(view: View, studio: Studio) -> Iterator[str]:
    if view.base is not None:
        yield _mask(view.base, 'Without repair', studio)
        yield _mask(view.repaired, 'With repair', studio)
        picture = _sized(difference_picture(view))
        yield _figure(picture, 'Difference', _keys(view))
    else:
        yield _mask(view.repaired, 'Prediction', studio)
    truth = _truth(view)
    if truth is not None:
        picture = colorize_label(truth, studio.palette)
        yield _figure(_sized(picture), 'Truth')


def _mask(timed: Timed, title: str, studio: Studio) -> str:
    known = '' if timed.miou is None else f'mIoU {timed.miou:.1f} %, '
    picture = colorize_label(timed.mask, studio.palette)
    words = f'{known}{1000 * timed.seconds:.0f} ms'
    return _figure(_sized(picture), title, words)


def _keys(view: View) -> str:
    """Return what the colours of a difference mean, with their shares."""
    colours = {'changed': OTHER}
    if _truth(view) is not None:
        colours = {
            'right only with repair': BETTER,
            'right only without': WORSE,
            'changed, both wrong or no truth': OTHER,
        }
    picture = difference_picture(view)[view.changed]
    total = view.changed.size
    shares = {
        f'{words} ({100 * (picture == colour).all(1).sum() / total:.1f} %)': (
            colour
        )
        for words, colour in colours.items()
    }
    return _legend(shares.items())


def _colours(view: View, studio: Studio) -> Iterator[tuple]:
    """Yield classes with their colours, and what black is."""
    yield from zip(studio.classes, studio.palette, strict=False)
    truth = _truth(view)
    if truth is not None and (truth == VOID).any():
        yield 'no truth', (0, 0, 0)


def _legend(colours: Iterator | Sequence | Mapping) -> str:
    items = ''.join(
        f'<li><i style="background:rgb({r},{g},{b})"></i>{escape(name)}</li>'
        for name, (r, g, b) in colours
    )
    return f'<ul class="mm-legend">{items}</ul>'


def _links(view: View, studio: Studio) -> str:
    """Return links to the mask, which are files in themselves."""
    colours = colorize_label(view.repaired.mask, studio.palette)
    files = {
        'mask': (view.repaired.mask, 'Download mask (PNG, class numbers)'),
        'colours': (colours, 'Download picture (PNG, colours)'),
    }
    name = f'{view.sample.name}_{view.combination}'.replace(' ', '_')
    links = ''.join(
        f'<a id="mm-{kind}" href="{_data(picture)}" '
        f'download="{escape(f"{name}_{kind}.png")}">{words}</a>'
        for kind, (picture, words) in files.items()
    )
    return f'<p class="mm-links">{links}</p>'


def _sized(picture: np.ndarray) -> np.ndarray:
    """Return (H, W, 3) in a size that a page shows."""
    step = -(-picture.shape[1] // MOST_WIDTH)
    return widened(picture[::step, ::step], LEAST_WIDTH)


def _row(figures: Iterator[str]) -> str:
    return f'<div class="mm-row">{"".join(figures)}</div>'


def _figure(picture: np.ndarray, title: str, words: str = '') -> str:
    """Return a picture with its title; `words` are HTML already."""
    title = escape(title)
    return (
        f'<figure><img src="{_data(picture)}" alt="{title}">'
        f'<figcaption><b>{title}</b> {words}</figcaption></figure>'
    )


def _data(picture: np.ndarray) -> str:
    return f'data:image/png;base64,{b64encode(png_bytes(picture)).decode()}'
