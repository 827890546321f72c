"""Samples that lack modalities for good, by a draw."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, RepeatDataset

from mmseg_missing.datasets import FolderDataset, SceneDataset
from mmseg_missing.datasets.absence import Absence, may_lack
from mmseg_missing.datasets.checks.samples import SampleChecks
from mmseg_missing.startup.dedicated import keep_modalities

STACK = [
    {'name': 'rgb'},
    {'name': 'depth', 'channels': 1},
    {'name': 'nir', 'channels': 1},
]
NAMES = ('rgb', 'depth', 'nir')
PACK = [{'type': 'PackModalities'}]
LOAD = [{'type': 'LoadModalities'}, {'type': 'LoadLabel', 'num_classes': 2}]


def shares(absence, images=2000):
    gaps = [absence.of(image) for image in range(images)]
    return {n: sum(n in gap for gap in gaps) / images for n in NAMES}


def test_rates_are_met():
    found = shares(Absence({'depth': 0.3, 'nir': 0.9}, NAMES))
    assert found['rgb'] == 0
    assert found['depth'] == pytest.approx(0.3, abs=0.03)
    assert found['nir'] == pytest.approx(0.9, abs=0.03)


def test_one_sensor_always_stays():
    gaps = {Absence(dict.fromkeys(NAMES, 1), NAMES).of(i) for i in range(99)}
    assert {len(gap) for gap in gaps} == {2}
    assert len(gaps) == 3  # not always the same one
    # What has no file cannot stay.
    absence = Absence({'rgb': 1, 'depth': 1}, NAMES)
    assert absence.of(0, ['rgb', 'depth']) in (('rgb',), ('depth',))
    assert absence.of(0, ['rgb']) == ()


def test_image_and_seed_decide():
    absence = Absence({'depth': 0.5}, NAMES)
    first = [absence.of(i) for i in range(64)]
    assert first == [absence.of(i) for i in range(64)]
    again = Absence({'rgb': 0, 'depth': 0.5}, NAMES[::-1])
    assert first == [again.of(i) for i in range(64)]
    other = Absence({'depth': 0.5, 'seed': 1}, NAMES)
    assert first != [other.of(i) for i in range(64)]


def test_modalities_of_one_sensor_go_together():
    stack = [{'name': 'rgb'}, {'name': 'aolp'}, {'name': 'dolp'}]
    stack[1]['sensor'] = stack[2]['sensor'] = 'polariser'
    absence = Absence({'rgb': 0.5, 'aolp': 0.5, 'dolp': 0.5}, stack)
    gaps = {absence.of(i) for i in range(99)}
    assert gaps == {(), ('rgb',), ('aolp', 'dolp')}


def test_images_without_their_only_sensor_are_left_out():
    def scenes(*modalities, **absence):
        return SceneDataset(modalities, 40, absence=absence).load_data_list()

    every = scenes('rgb', 'depth', depth=0.5)
    there = [s['scene'] for s in every if not s['absent']]
    alone = [s['scene'] for s in scenes('depth', depth=0.5)]
    assert there == alone
    assert 10 < len(alone) < 30


def test_absent_pixels_are_seen_by_nobody(monkeypatch):
    """Whatever the sensor would have shown, the sample is the same."""

    def scenes():
        return SceneDataset(
            STACK,
            12,
            size=(8, 12),
            absence={'depth': 0.5, 'rgb': 0.5},
            pipeline=PACK,
        )

    before = [*scenes()]
    render = 'mmseg_missing.datasets.scene_dataset.render_scene'

    def other(number, *args):
        from mmseg_missing.datasets.scenes import render_scene

        images, label = render_scene(number, *args)
        for name in scenes().absence.of(number):
            images[name] = images[name] + 1
        return images, label

    monkeypatch.setattr(render, other)
    present = set()
    for one, another in zip(before, scenes()):
        assert torch.equal(one['inputs'], another['inputs'])
        flags = one['data_samples'].present.tolist()
        assert flags == another['data_samples'].present.tolist()
        present.add(tuple(flags))
        for m, channels in enumerate((slice(0, 3), slice(3, 4), slice(4, 5))):
            assert flags[m] == bool(one['inputs'][channels].any())
    assert len(present) > 2


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ('rgb', 'depth', 'label'):
        (tmp_path / folder).mkdir()
        for number in range(12):
            shape = (6, 8, 3) if folder == 'rgb' else (6, 8)
            most = 2 if folder == 'label' else 255
            image = rng.integers(1 if most > 2 else 0, most, shape, np.uint8)
            cv2.imwrite(str(tmp_path / folder / f'{number}.png'), image)
    return tmp_path


def folder(files, **options):
    return FolderDataset(
        STACK[:2],
        str(files),
        pipeline=[*LOAD, *PACK],
        metainfo={'classes': ('a', 'b')},
        **options,
    )


def test_absent_files_are_not_read(files):
    absence = {'depth': 0.5}
    before = [*folder(files, absence=absence)]
    lacking = [i for i, x in enumerate(before) if not x['inputs'][3].any()]
    assert 2 < len(lacking) < 10
    dataset = folder(files, absence=absence)
    names = [dataset.get_data_info(i)['seg_map_path'] for i in lacking]
    for name in names:
        (files / 'depth' / name.split('/')[-1]).write_bytes(b'no image')
    for one, other in zip(before, dataset):
        assert torch.equal(one['inputs'], other['inputs'])
    flags = [x['data_samples'].present.tolist() for x in before]
    assert [i for i, f in enumerate(flags) if f == [True, False]] == lacking
    with pytest.raises(ValueError, match='not read'):
        [*folder(files)]


@pytest.mark.parametrize('kind', ['files', 'scenes'])
def test_checks_leave_it_out(files, kind):
    absence = {'depth': 0.5}
    dataset = (
        folder(files, absence=absence)
        if kind == 'files'
        else SceneDataset(STACK, 8, (6, 8), absence=absence, pipeline=PACK)
    )
    found = [*SampleChecks(dataset)]
    assert {tuple(check.absent) for check in found} == {(), ('depth',)}
    for check in found:
        assert ('depth' in check.statistics) != ('depth' in check.absent)
        assert not check.problems


@pytest.mark.parametrize(
    ('absence', 'message'),
    [
        ({'depth': 1.5}, r'`absence\.depth` must be at most 1, got 1\.5'),
        ({'depth': -0.1}, r'`absence\.depth` must be at least 0'),
        ({'depth': 'x'}, r'`absence\.depth` takes a number'),
        ({'dpth': 0.5}, r"unknown modality 'dpth' in `absence`; .*rgb\+dep"),
        ({'seed': -1}, r'`absence\.seed` must be at least 0'),
        (0.3, '`absence` takes a dict'),
    ],
)
def test_bad_input(absence, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SceneDataset(STACK, 3, absence=absence)


def test_nothing_left():
    with pytest.raises(ValueError, match=r"no image with 'rgb'"):
        SceneDataset(['rgb'], 3, absence={'rgb': 1})


def test_dedicated_networks_know_their_own_gaps():
    data = {'type': 'SceneDataset', 'modalities': STACK}
    cfg = Config(
        {
            'model': {
                'stack': STACK,
                'backbone': {'in_channels': [3, 1, 1]},
            },
            'train_dataloader': {'dataset': data},
        }
    )
    # As --cfg-options writes it.
    key = 'train_dataloader.dataset.absence'
    cfg.merge_from_dict({f'{key}.depth': 0.3, f'{key}.nir': 0.3})
    keep_modalities(cfg, 'depth')
    assert cfg.train_dataloader.dataset.absence == {'depth': 0.3}


def test_whether_samples_may_lack_something():
    def scenes(**settings):
        return SceneDataset(STACK[:2], 4, size=(8, 8), **settings)

    whole, gaps = scenes(), scenes(absence={'depth': 0.5})
    assert not may_lack(whole) and may_lack(gaps)
    assert may_lack(ConcatDataset([whole, gaps]))
    assert not may_lack(RepeatDataset(whole, 2))
    assert not may_lack([])  # somebody else's
