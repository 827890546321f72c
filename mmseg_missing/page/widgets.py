"""The widgets of the page; what they do is in the studio."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from ..corruptions import FAULTS, SEVERITIES
from ..datasets.scene_dataset import MOST_SCENES
from ..startup.sentences import last_line
from .drawing import message_html, view_html
from .samples import MOST_BYTES, Sample
from .studio import Studio

SCENE, DATA, FILES = 'a built-in scene', 'a test sample', 'my own files'
# What people call the built-in faults.
WORDS = {
    'noise': 'noise',
    'blur': 'blur (out of focus, wet)',
    'holes': 'holes',
    'quantisation': 'few values',
    'drift': 'drift of all values',
    'shift': 'knocked aside',
    'stale': 'an old image',
    'fog': 'fog',
    'rain': 'rain',
    'banding': 'stripes',
    'scale_shift': 'wrong calibration',
}
# Two people are served at once, so many wait, others are told to come back.
AT_ONCE, WAITING = 2, 32
# Uploaded files are deleted after it, seconds.
AN_HOUR = 3600
STEPS = """
Choose what to look at, switch a sensor off, and compare what the network
makes of the rest without and with its repair.
"""


def build_page(studio: Studio, title: str) -> gr.Blocks:
    """Return the page of a network.

    Args:
        studio: What does the work.
        title: Name of the network.
    """
    with gr.Blocks(
        title=title, analytics_enabled=False, delete_cache=(AN_HOUR, AN_HOUR)
    ) as page:
        gr.Markdown(f'# What if a sensor fails?\n`{title}`\n{STEPS}')
        with gr.Row():
            with gr.Column(scale=1, min_width=300):
                given = [*_choices(studio), *_sensors(studio)]
            with gr.Column(scale=3, min_width=300):
                view = gr.HTML(elem_id='view')
        gr.on(
            [page.load, *(each.change for each in given)],
            lambda *values: shown(studio, values),
            given,
            view,
            trigger_mode='always_last',
            concurrency_limit=AT_ONCE,
            show_progress='minimal',
            api_visibility='private',
        )
    return page.queue(max_size=WAITING)


def shown(studio: Studio, values: Sequence[Any]) -> str:
    """Return a view, or a sentence on why there is none.

    Args:
        studio: What does the work.
        values: Of all widgets: kind of sample, scene, number of a sample, a
            file per modality, the sensors that are on, then for each sensor
            a fault and its severity.
    """
    try:
        sample = _chosen(studio, values)
        is_on, *faults = values[3 + len(studio.segment.names) :]
        pairs = zip(studio.sensors, faults[::2], faults[1::2])
        view = studio.look(
            sample,
            [name for name in studio.sensors if name not in is_on],
            {name: (fault, int(bad)) for name, fault, bad in pairs if bad},
        )
        return view_html(view, studio)
    except Exception as error:  # the page lives on, whatever it was
        return message_html(last_line(error))


def _chosen(studio: Studio, values: Sequence[Any]) -> Sample:
    kind, scene, index, *rest = values
    if kind == FILES:
        names = studio.segment.names
        return studio.samples.uploaded(dict(zip(names, rest)))
    if kind == SCENE:
        return studio.scene(_whole(scene))
    return studio.sample(_whole(index))


def _whole(number: Any) -> int:
    """Return what a field of numbers holds.

    Raises:
        ValueError: no whole number.
    """
    if number is None or number != int(number):
        raise ValueError(f'give a whole number, such as 7, got {number}')
    return int(number)


def _choices(studio: Studio) -> list[Any]:
    """Return the widgets that choose a sample; some of them are hidden."""
    samples = studio.samples
    kinds = [FILES]
    kinds = [DATA, *kinds] if len(samples) else kinds
    kinds = [SCENE, *kinds] if samples.has_scenes else kinds
    kind = gr.Radio(kinds, value=kinds[0], label='1. Look at', elem_id='kind')
    if not len(samples):
        gr.Markdown(
            'The test data of this config are not at hand, so bring files.'
        )
    with gr.Column(visible=kinds[0] == SCENE) as of_scenes:
        scene = gr.Number(
            0,
            label='Number of the scene',
            info='Each one is another room.',
            precision=0,
            minimum=0,
            maximum=MOST_SCENES,
            elem_id='scene',
        )
        after = gr.Button('Another scene', size='sm')
        after.click(
            lambda number: int(number or 0) + 1,
            scene,
            scene,
            api_visibility='private',
            queue=False,
        )
    with gr.Column(visible=kinds[0] == DATA) as of_data:
        index = gr.Slider(
            0,
            max(len(samples) - 1, 1),
            value=0,
            step=1,
            label='Number of the sample',
            elem_id='index',
        )
    with gr.Column(visible=kinds[0] == FILES) as of_files:
        gr.HTML(_units(studio), padding=True)
        files = [_file(name) for name in studio.segment.names]
    kind.change(
        lambda kind: [
            gr.Column(visible=kind == each) for each in (SCENE, DATA, FILES)
        ],
        kind,
        [of_scenes, of_data, of_files],
        api_visibility='private',
        queue=False,
    )
    return [kind, scene, index, *files]


def _units(studio: Studio) -> str:
    """Say what values files should have, by those of training."""
    values = ', '.join(
        f'<b>{escape(m.name)}</b> {m.mean[0]:.3g} ± {m.std[0]:.3g} '
        f'({m.channels} channel{"s" if m.channels > 1 else ""})'
        for m in studio.segment.model.stack
    )
    return (
        '<p>Images of one place and one size, stored as those of the data '
        'set. A sensor without a file counts as missing.</p>'
        f'<p>Usual values: {values}.</p>'
    )


def _file(name: str) -> gr.File:
    # Of any type: a browser refuses without a word, reading says why.
    return gr.File(
        label=f'{name} (one file, up to {MOST_BYTES >> 20} MB)',
        height=140,
        elem_id=f'file-{name}',
    )


def _sensors(studio: Studio) -> list[Any]:
    """Return the switches of the sensors, then faults and severities."""
    switches = gr.CheckboxGroup(
        [(_name(*named), named[0]) for named in studio.sensors.items()],
        value=list(studio.sensors),
        label='2. Sensors that work',
        elem_id='sensors',
    )
    choices = [(WORDS.get(name, name), name) for name in FAULTS]
    faults: list[Any] = []
    with gr.Accordion('Or let one suffer a fault', open=False):
        for name in studio.sensors:
            faults += [
                gr.Dropdown(
                    choices,
                    value=choices[0][1],
                    label=f'fault of {name}',
                    elem_id=f'fault-{name}',
                ),
                gr.Slider(
                    0,
                    max(SEVERITIES),
                    value=0,
                    step=1,
                    label=f'how bad {name} is (0: no fault)',
                    elem_id=f'severity-{name}',
                ),
            ]
    return [switches, *faults]


def _name(sensor: str, modalities: Sequence[str]) -> str:
    """Return what a sensor is called, and what it delivers."""
    is_one = list(modalities) == [sensor]
    return sensor if is_one else f'{sensor} ({", ".join(modalities)})'
