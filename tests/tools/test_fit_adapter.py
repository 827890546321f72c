"""Adapter files without training, from the base alone."""

import json

import pytest
import torch

from mmseg_missing.adapters import read_adapter


@pytest.fixture(scope='module')
def fitted(run, trained, folder):
    """Both files, from one batch."""
    paths = {}
    for by in ('moments', 'norm_statistics'):
        paths[by] = folder / f'{by}.safetensors'
        run(
            'fit_adapter.py',
            trained.config,
            trained.base,
            paths[by],
            '--by',
            by,
            '--batches',
            1,
        )
    return paths


@pytest.mark.parametrize('by', ['moments', 'norm_statistics'])
def test_scores_differ_where_something_is_missing(fitted, trained, score, by):
    files = trained.config, trained.base
    present = '--present', 'full', 'rgb'
    base = score(*files, *present).combinations
    repaired = score(*files, '--adapter', fitted[by], *present).combinations
    assert base[0] == repaired[0]
    assert base[1].name == repaired[1].name == 'rgb'
    assert base[1] != repaired[1]


def test_the_files_say_what_they_are(fitted):
    moments, rows = read_adapter(fitted['moments'])
    assert moments['method'] == 'ScaleShift'
    assert set(moments['samples_seen'].values()) == {2}
    assert len(rows) == 6
    norms, rows = read_adapter(fitted['norm_statistics'])
    assert norms['method'] == 'NormTuning'
    kinds = {kind for _, kind, _ in norms['sites']}
    assert kinds == {'BatchNorm2d'}
    assert 'decode_head.norm' in [name for name, *_ in norms['sites']]
    for metadata, by in ((moments, 'moments'), (norms, 'norm_statistics')):
        assert metadata['fitted_by'] == by
        assert metadata['fill'] == dict.fromkeys(
            ('rgb', 'depth', 'thermal'), 'zero'
        )


def test_the_same_twice(run, fitted, trained, tmp_path):
    """Augmentation included, the seed decides; --present cuts down."""
    path = tmp_path / 'again.safetensors'
    run(
        'fit_adapter.py',
        *(trained.config, trained.base, path),
        *('--batches', 1, '--present', 'rgb'),
    )
    (name, row), *others = read_adapter(path)[1].items()
    assert name == 'rgb' and not others
    assert torch.equal(row, read_adapter(fitted['moments'])[1][name])


def test_adapters_of_the_config(run, trained, tmp_path):
    """A joined checkpoint will do: its rows are not what is written."""
    path = tmp_path / 'config.safetensors'
    sites = tmp_path / 'chosen'
    name = 'backbone.fuse.0.norm'
    sites.write_text(json.dumps({'sites': [name]}))
    run(
        'fit_adapter.py',
        *(trained.adapted_config, trained.joined, path),
        *('--batches', 1, '--present', 'depth', '--sites', sites),
    )
    metadata, rows = read_adapter(path)
    assert [site[0] for site in metadata['sites']] == [name]
    assert set(rows) == {'depth'}


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--present', 'lidar'], "unknown modality 'lidar'"),
        (['--present', 'rgb+depth+thermal'], 'no rows of their own'),
        (['--sites', 'nowhere'], "'nowhere' matched no layer"),
        (
            ['--by', 'norm_statistics', '--sites', 'ffn.fc1'],
            'matched no layer',
        ),
        (
            [
                '--cfg-options',
                'model.adapter.type=LowRank',
                'model.adapter.rank=1',
            ],
            'not a LowRank',
        ),
        (
            [
                *('--by', 'norm_statistics', '--cfg-options'),
                'model.adapter.type=ScaleShift',
                "model.adapter.sites=['fc1']",
            ],
            'is a batch norm',
        ),
    ],
)
def test_what_cannot_be_fitted(refused, trained, tmp_path, options, words):
    path = tmp_path / 'none.safetensors'
    line = refused(
        'fit_adapter.py',
        *(trained.config, trained.base, path, '--batches', 1, *options),
    )
    assert words in line
    assert not path.exists()
