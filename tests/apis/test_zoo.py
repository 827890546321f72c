"""Trained networks by name, without a network to ask."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import torch

from mmseg_missing.adapters import annotate_adapter, fingerprint
from mmseg_missing.apis import from_zoo, init_model, zoo_networks
from mmseg_missing.apis.inferencer import MultiModalInferencer
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.engine.weights import write_weights

SHIPPED = 'scenes-small'


def entry_of(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {'file': path.name, 'sha256': digest}


@pytest.fixture
def release(tmp_path, files, load, monkeypatch):
    """Folder of a release with the tiny network; nothing of it is shipped."""
    import mmseg_missing.apis.zoo as place

    folder = tmp_path / 'release'
    folder.mkdir()
    base, adapter = (folder / f'{n}.safetensors' for n in ('base', 'adapter'))
    state = read_checkpoint(files.base)['state_dict']
    write_weights(base, state, {'config': 'tiny'})
    shutil.copy(files.adapter, adapter)
    annotate_adapter(adapter, {'base': fingerprint(init_model(load(), base))})
    networks = {
        'tiny': {
            'config': 'tiny',
            'base': entry_of(base),
            'adapter': entry_of(adapter),
        },
        'bare': {'config': 'tiny', 'base': entry_of(base)},
    }
    shipped = tmp_path / 'shipped'
    shipped.mkdir()
    index = {'base_url': None, 'networks': networks}
    (shipped / 'index.json').write_text(json.dumps(index))
    monkeypatch.setattr(place, 'SHIPPED', shipped)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(torch.hub, '_hub_dir', None)
    monkeypatch.delenv('MMSEG_MISSING_ZOO', raising=False)
    return folder


def test_what_is_shipped_runs_and_repairs():
    """Also: its files are those of the index, and nothing is fetched."""
    segment = MultiModalInferencer.from_zoo(SHIPPED)
    assert segment.model.dataset_meta['classes']
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    [result] = segment.results([{'rgb': image}], unrepaired=True)
    assert result.combination == 'rgb'
    assert (result.mask != result.unrepaired).any()


def test_every_network_says_config_and_sums():
    for entry in zoo_networks().values():
        for part in filter(None, [entry['base'], entry.get('adapter')]):
            assert len(part['sha256']) == 64
            assert part['sha256'][:8] in part['file']


def test_a_release_in_a_folder_is_kept_for_later(
    release, load, monkeypatch, tmp_path
):
    monkeypatch.setenv('MMSEG_MISSING_ZOO', str(release))
    name, base, adapter = from_zoo('tiny')
    assert (
        name == 'tiny' and base.parent == tmp_path / 'torch/hub/mmseg_missing'
    )
    model = init_model(load(), base, adapter)
    assert model.adapters.served
    shutil.rmtree(release)
    assert from_zoo('tiny') == (name, base, adapter)
    assert from_zoo('bare').adapter is None


def refusal(kind, *args):
    with pytest.raises(kind) as refused:
        from_zoo(*args)
    sentence = str(refused.value)
    assert '\n' not in sentence
    return sentence


def test_an_unknown_name_is_told_the_others(release):
    assert 'takes one of tiny, bare' in refusal(ValueError, 'demo')


def test_what_is_nowhere_names_the_variable(release, monkeypatch, tmp_path):
    assert 'set MMSEG_MISSING_ZOO' in refusal(FileNotFoundError, 'tiny')
    monkeypatch.setenv('MMSEG_MISSING_ZOO', str(tmp_path / 'nowhere'))
    assert 'nowhere' in refusal(FileNotFoundError, 'tiny')


def test_what_was_changed_is_refused_and_not_kept(
    release, monkeypatch, tmp_path
):
    monkeypatch.setenv('MMSEG_MISSING_ZOO', str(release))
    path = release / 'base.safetensors'
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert 'sha256 differs' in refusal(ValueError, 'tiny')
    assert not list((tmp_path / 'torch').rglob('*.safetensors'))


def test_weights_are_read_as_they_were_written(files, tmp_path):
    state = read_checkpoint(files.base)['state_dict']
    path = tmp_path / 'base.safetensors'
    written = write_weights(path, state, {'dataset_meta': {'classes': ['a']}})
    found = read_checkpoint(path)
    assert found['meta']['dataset_meta'] == {'classes': ['a']}
    assert list(found['state_dict']) and set(written) == set(state)
    for name, tensor in found['state_dict'].items():
        assert torch.equal(tensor, written[name])
        torch.testing.assert_close(tensor, state[name], rtol=1e-3, atol=1e-7)
    matrices = sum(t.numel() for t in state.values() if t.ndim > 1)
    assert path.stat().st_size < 2.2 * matrices + 4e5


@pytest.mark.parametrize('cut', [3, 400, -5])
def test_cut_weights_are_one_sentence(files, tmp_path, cut):
    path = tmp_path / 'base.safetensors'
    write_weights(path, read_checkpoint(files.base)['state_dict'], {})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match='is damaged') as refused:
        read_checkpoint(path)
    assert '\n' not in str(refused.value)
