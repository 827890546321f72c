from functools import partial

import pytest
import torch
from mmseg.registry import DATASETS

from mmseg_missing.datasets import DELIVERDataset

CONFIG = 'deliver_rgb-d-e-l_1024x1024.py'
SIZE = (11, 13)
open_deliver = partial(DELIVERDataset, serialize_data=False)


def names(dataset):
    return [name.split('/', 2)[0] + '/' + name[-6:] for name in dataset.names]


def test_the_base_config_reads_it(deliver_root, shrunk):
    train, test = shrunk(CONFIG, deliver_root)
    for part in (train, test):
        part.formats = {'event': {'size': SIZE}}
    train, test = DATASETS.build(train), DATASETS.build(test)
    assert (len(train), len(test)) == (1, 5)
    assert train[0]['inputs'].shape == (12, *SIZE)
    for sample in test:
        rgb, hha, event, lidar = sample['inputs'].split(3)
        value = torch.arange(0.0, 26, 2)  # per column
        for channel, shift in enumerate((0, 50, 100)):
            torch.testing.assert_close(rgb[channel, 0], value + shift)
        assert torch.equal(hha, rgb)
        assert torch.equal(lidar, rgb[:1].expand(3, *SIZE))
        label = sample['data_samples'].gt_sem_seg.data[0]
        torch.testing.assert_close(label[0], (value.long() - 1) % 256)
        assert (label[-1] == 255).all()
        path = sample['data_samples'].img_path
        assert torch.equal(event, rgb) == ('lowres' not in path)
        assert event[0, 0, 0] == 0 and event[0, 0, -1] == 24


def test_cases_and_failures(deliver_root):
    def found(**options):
        return names(open_deliver(str(deliver_root), 'test', **options))

    cloud, night = ['cloud/045050', 'cloud/045060'], ['night/045050']
    blurred, coarse = ['night/000070'], ['sun/000070']
    assert found() == cloud + night + blurred + coarse
    assert found(cases='night') == night + blurred
    assert found(failures=['none']) == cloud + night
    assert found(failures='motionblur') == blurred
    assert found(cases=['sun', 'cloud'], failures=['eventlowres']) == coarse
    assert names(open_deliver(str(deliver_root), 'val')) == ['sun/000080']


def test_paths_of_a_sample(deliver_root):
    sample = open_deliver(str(deliver_root), 'val', serialize_data=False)[0]
    end = '/sun/val/MAP_4_point3/000080'
    paths = {**sample['modality_paths'], 'label': sample['seg_map_path']}
    assert paths == {
        'rgb': f'{deliver_root}/img{end}_rgb_front.png',
        'hha': f'{deliver_root}/hha{end}_depth_front.png',
        'event': f'{deliver_root}/event{end}_event_front.png',
        'lidar': f'{deliver_root}/lidar{end}_lidar_front.png',
        'label': f'{deliver_root}/semantic{end}_semantic_front.png',
    }


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'cases': ['snow']}, r"`cases` of .*'cloud', .*, got 'snow'"),
        ({'failures': 'blur'}, r"`failures` .*'motionblur', .*, got 'blur'"),
        ({'cases': []}, r'`cases` .* got None'),
        (
            {'cases': 'rain'},
            r"'test' of .*img' is empty for cases \['rain'\].* "
            r'rain/test/MAP_10_point102/045050_rgb_front\.png',
        ),
    ],
)
def test_choices_that_leave_nothing(deliver_root, options, message):
    with pytest.raises(ValueError, match=message):
        open_deliver(str(deliver_root), 'test', **options)


def test_event_of_another_size_without_the_key(deliver_root):
    """The published size is demanded, whatever the other images have."""
    stack = [{'name': n, 'channels': 3} for n in ('rgb', 'event')]
    dataset = open_deliver(
        str(deliver_root),
        modalities=stack,
        pipeline=[{'type': 'LoadModalities'}],
    )
    with pytest.raises(ValueError, match=r'event.*1042 x 1042.*11 x 13'):
        dataset[0]
