"""A view as HTML."""

import io
import re
from base64 import b64decode
from dataclasses import replace

import numpy as np
from PIL import Image

from mmseg_missing.page import Sample
from mmseg_missing.page.drawing import (
    BETTER,
    OTHER,
    WORSE,
    difference_picture,
    message_html,
    view_html,
)
from mmseg_missing.visualization.panels import CROSS


def pictures(html):
    """Arrays of the images by their titles."""
    found = re.findall(
        r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', html
    )
    return {title: decoded(data) for data, title in found}


def decoded(data):
    return np.array(Image.open(io.BytesIO(b64decode(data))))


def test_inputs_predictions_difference_and_truth(studio):
    view = studio.look(studio.scene(0), off=['depth'])
    html = view_html(view, studio)
    found = pictures(html)
    assert list(found) == [
        *('rgb', 'depth', 'thermal'),
        *('Without repair', 'With repair', 'Difference', 'Truth'),
    ]
    # Enlarged in whole steps, so that every pixel stays one colour.
    assert all(p.shape == (6 * 32, 6 * 48, 3) for p in found.values())
    colours = np.uint8(studio.palette)[view.repaired.mask]
    np.testing.assert_array_equal(found['With repair'][::6, ::6], colours)
    crossed = {
        name: (found[name] == CROSS).all(2).mean()
        for name in ('rgb', 'depth', 'thermal')
    }
    assert crossed['depth'] > 0.01
    assert crossed['rgb'] == crossed['thermal'] == 0
    assert '<b>depth</b> <span class="mm-off">switched off' in html
    assert 'missing: <b>depth</b>' in html
    for name in studio.classes:
        assert f'</i>{name}</li>' in html
    for timed in (view.base, view.repaired):
        assert f'mIoU {timed.miou:.1f} %' in html
    assert f'{studio.added:,} numbers' in html


def test_the_mask_is_a_file_of_class_numbers(studio):
    view = studio.look(studio.scene(0), off=['rgb'])
    html = view_html(view, studio)
    [(data, name)] = re.findall(
        r'id="mm-mask" href="data:image/png;base64,([^"]+)" '
        r'download="([^"]+)"',
        html,
    )
    assert name == 'scene_0_depth+thermal_mask.png'
    np.testing.assert_array_equal(decoded(data), view.repaired.mask)


def test_colours_of_the_difference(studio):
    view = studio.look(studio.scene(0), off=['rgb'])
    truth, right, left = (np.full((32, 48), k, np.uint8) for k in (1, 1, 2))
    left[:, :10] = 1  # both are right
    right[:, 10:20], left[:, 10:20] = 2, 1  # the repair spoils it
    truth[:, 20:30] = 255  # nobody knows
    right[:, 30:40] = 3  # both are wrong, differently
    view = replace(
        view,
        sample=replace(view.sample, label=truth),
        repaired=replace(view.repaired, mask=right),
        base=replace(view.base, mask=left),
    )
    row = difference_picture(view)[0]
    assert (row[:10, 0] == row[:10, 1]).all()
    assert (row[10:20] == WORSE).all()
    assert (row[20:40] == OTHER).all()
    assert (row[40:] == BETTER).all()


def test_without_truth_a_change_is_a_change(studio):
    scene = studio.scene(0)
    view = studio.look(replace(scene, label=None), off=['rgb'])
    picture = difference_picture(view)
    np.testing.assert_array_equal((picture == OTHER).all(2), view.changed)
    html = view_html(view, studio)
    assert 'Truth' not in pictures(html) and 'mIoU' not in html


def test_names_cannot_write_html(studio, monkeypatch):
    evil = '<img src=x onerror=alert(1)>"'
    monkeypatch.setitem(
        studio.__dict__, 'classes', (evil, *studio.classes[1:])
    )
    sample = replace(studio.scene(0), name=evil)
    view = studio.look(sample, off=['rgb'])
    html = view_html(replace(view, notes=[evil]), studio)
    assert '<img src=x' not in html
    assert evil not in message_html(evil)
    assert 'role="alert"' in message_html(evil)


def test_with_all_sensors_it_says_what_to_do(studio):
    html = view_html(studio.look(studio.scene(0)), studio)
    assert 'switch one off' in html
    assert 'missing' not in html


def test_what_a_sensor_suffers_from_and_what_is_not_there(studio):
    scene = studio.scene(0)
    frame = {name: scene.frame[name] for name in ('rgb', 'depth')}
    view = studio.look(
        replace(scene, frame=frame), faults={'depth': ('fog', 2)}
    )
    html = view_html(view, studio)
    assert '<b>depth</b> suffers from fog, 2 of 5' in html
    assert '<b>rgb</b> </fig' in html
    assert '<b>thermal</b> <span class="mm-off">not in this sample' in html
    assert (pictures(html)['thermal'] == CROSS).all(2).any()


def test_large_pictures_are_thinned_out(studio):
    """They travel with every click; the mask stays as it is."""
    frame = {'rgb': np.zeros((64, 2048, 3), np.uint8)}
    view = studio.look(Sample('wide', frame))
    html = view_html(view, studio)
    assert pictures(html)['With repair'].shape[1] == 683
    [data] = re.findall(r'id="mm-mask" href="data:[^,]+,([^"]+)"', html)
    assert decoded(data).shape == (64, 2048)
