from functools import partial

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS

import mmseg_missing
from mmseg_missing.datasets import MCubeSDataset
from mmseg_missing.modality import Stack
from mmseg_missing.models import ModalityDataPreprocessor

CONFIG = 'mcubes_rgb-a-d-n_512x512.py'
SIZE = (11, 13)  # height, width of what is read
COLUMNS = (5, 18)  # of the files in conftest.py
SIN, COS = np.sin(np.pi / 3), np.cos(np.pi / 3)
open_mcubes = partial(MCubeSDataset, columns=COLUMNS, serialize_data=False)


@pytest.fixture
def config():
    top = f'{mmseg_missing.__path__[0]}/../configs/_base_/datasets'
    return Config.fromfile(f'{top}/{CONFIG}')


def steps(*kinds):
    load = {'type': 'LoadModalities'}, {'type': 'LoadLabel', 'num_classes': 20}
    return [*load, *kinds]


def test_the_base_config_reads_it(mcubes_root, shrunk):
    train, test = shrunk(CONFIG, mcubes_root)
    train.columns = test.columns = COLUMNS
    train, test = DATASETS.build(train), DATASETS.build(test)
    assert (len(train), len(test)) == (3, 2)
    assert train[0]['inputs'].shape == (7, *SIZE)
    for sample in test:  # 8 and 16 bits
        rgb, aolp, dolp, nir = sample['inputs'].split([3, 2, 1, 1])
        column = torch.arange(5.0, 18).expand(SIZE)
        shift = torch.tensor([0, 40, 80])[:, None, None]
        torch.testing.assert_close(rgb, column + shift)
        torch.testing.assert_close(nir[0], 200 - column)
        expected = torch.tensor([SIN, COS], dtype=torch.float32)
        torch.testing.assert_close(
            aolp, expected[:, None, None].expand(2, *SIZE)
        )
        torch.testing.assert_close(dolp, torch.full_like(dolp, np.pi / 24))
        label = sample['data_samples'].gt_sem_seg.data[0]
        torch.testing.assert_close(label, column.long())


def test_mmsformer_sees_dolp_as_its_authors_do(mcubes_root):
    top = f'{mmseg_missing.__path__[0]}/../configs/mmsformer'
    name = 'mmsformer_mit-b2_1xb4-500e_mcubes-rgb-n-a-d-512x512.py'
    modalities = Config.fromfile(f'{top}/{name}').modalities
    dataset = open_mcubes(
        str(mcubes_root),
        modalities=modalities,
        pipeline=steps({'type': 'PackModalities'}),
    )
    data = {'inputs': [dataset[0]['inputs']]}
    (inputs,) = ModalityDataPreprocessor(modalities)(data)['inputs']
    (dolp,) = inputs[Stack(modalities).slices['dolp']]
    expected = (np.pi / 24 + 0.55) / 2
    torch.testing.assert_close(dolp, torch.full_like(dolp, expected))


def test_the_base_config_keeps_the_published_columns(config):
    assert config.train_dataloader.dataset.columns == (192, 1224)
    first, end = config.test_dataloader.dataset.columns
    assert end - first == 1024
    assert first - 192 == 1224 - end  # the middle


def test_the_base_config_knows_the_cameras(config):
    alone, together = Stack(config.modalities), Stack(config.by_camera)
    assert len(alone.incomplete()) == 14
    assert together.incomplete() == ('rgb+aolp+dolp', 'nir')


def test_mirrored_angles(mcubes_root, config):
    flip = {'type': 'RandomFlipModalities', 'prob': 1.0}
    dataset = open_mcubes(
        str(mcubes_root),
        modalities=config.modalities,
        pipeline=steps(flip),
    )
    arrays = dataset[0]['modalities']
    np.testing.assert_allclose(arrays['aolp'][0, 0], (-SIN, COS), rtol=1e-6)
    assert arrays['rgb'][0, 0, 0] == 17


def test_three_channels_of_aolp(mcubes_root):
    names = ['sin', 'cos', 'sin']
    dataset = open_mcubes(
        str(mcubes_root),
        modalities=[{'name': 'aolp', 'channels': 3, 'geometry': 'aolp'}],
        formats={'aolp': {'folder': [f'polL_aolp_{n}' for n in names]}},
        pipeline=steps(),
    )
    aolp = dataset[0]['modalities']['aolp']
    np.testing.assert_allclose(aolp[3, 3], (SIN, COS, SIN), rtol=1e-6)


def test_all_columns(mcubes_root):
    dataset = open_mcubes(
        str(mcubes_root),
        'val',
        modalities=[{'name': 'nir', 'channels': 1}],
        columns=None,
        pipeline=steps(),
    )
    assert dataset[0]['modalities']['nir'].shape == (11, 18, 1)


def test_file_with_too_few_columns(mcubes_root, config):
    dataset = MCubeSDataset(
        str(mcubes_root), modalities=config.modalities, pipeline=steps()
    )
    message = r'polL_color/.*\.png.* 18 columns.* 192 to 1223.*`columns`'
    with pytest.raises(ValueError, match=message):
        dataset[0]


def test_parts_of_aolp_that_differ(mcubes_root, config):
    path = next((mcubes_root / 'polL_aolp_cos').glob('*_0000000100.npy'))
    np.save(path, np.load(path)[1:])
    dataset = open_mcubes(
        str(mcubes_root), modalities=config.modalities, pipeline=steps()
    )
    with pytest.raises(ValueError, match=r"'aolp' differ in size: .*\(10, 18"):
        dataset[0]


def test_one_part_of_aolp_may_be_absent(mcubes_root, config):
    for path in (mcubes_root / 'polL_aolp_cos').iterdir():
        path.unlink()
    pipeline = steps()
    pipeline[0]['absent_file'] = 'missing'
    dataset = open_mcubes(
        str(mcubes_root), modalities=config.modalities, pipeline=pipeline
    )
    assert dataset[0]['present'] == {
        'rgb': True,
        'aolp': False,
        'dolp': True,
        'nir': True,
    }
