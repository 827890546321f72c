"""Many frames in, from anywhere; combinations that fold; streams."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope
from mmseg.registry import DATASETS

from mmseg_missing.apis import MultiModalInferencer, read_array
from mmseg_missing.apis.folded_networks import FoldedNetworks, folded
from mmseg_missing.apis.inputs import Frame, dropped, frames_of
from mmseg_missing.apis.saving import check_places
from mmseg_missing.monitoring import Stream

NAMES = ('rgb', 'depth', 'thermal')


@pytest.fixture
def infer(load, files):
    return MultiModalInferencer(load('tiny-ssf'), files.base, files.adapter)


@pytest.fixture
def scenes(load):
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(load('tiny-ssf').test_dataloader.dataset)
    return [dataset.get_data_info(i)['modalities'] for i in range(3)]


def some(scene, *names):
    return {name: scene[name] for name in names}


def test_a_mixed_batch_is_as_frames_one_by_one(infer, scenes):
    """Sizes and combinations differ; one frame is broken, one is empty."""
    assert isinstance(infer, BaseInferencer)
    tall = {'thermal': scenes[1]['thermal'].repeat(2, axis=0)}
    given = [
        some(scenes[0], 'rgb', 'depth'),
        tall,
        {'rgb': np.ones((3, 5))},
        some(scenes[1], 'rgb', 'depth'),
        {},
        some(scenes[2], 'rgb'),
    ]
    found = infer(given, batch_size=6, return_vis=True)
    assert found['names'] == ['000000', '000001', '000003', '000005']
    assert "'rgb' has shape (3, 5)" in found['failed']['000002']
    assert 'at least one modality' in found['failed']['000004']
    good = [given[0], tall, given[3], given[5]]
    for frame, mask in zip(good, found['predictions'], strict=True):
        np.testing.assert_array_equal(mask, infer.segment(frame))
    assert found['predictions'][1].shape == (64, 48)
    assert found['visualization'][0].shape == (32, 48, 3)


def test_one_frame_that_fails_raises(infer):
    with pytest.raises(ValueError, match="'rgb' has shape"):
        infer({'rgb': np.ones((3, 5))})
    with pytest.raises(TypeError, match='an inferencer takes a dict of'):
        infer(np.ones((3, 5)))
    with pytest.raises(ValueError, match=r"'deph' .*did you mean 'depth'"):
        infer({'deph': 'x'})
    with pytest.raises(ValueError, match='does not say of which modality'):
        infer(__file__)
    with pytest.raises(ValueError, match='batch_size'):
        infer([{'rgb': np.ones((32, 48, 3))}], batch_size=0)


def test_a_warning_points_at_the_line_that_gave_the_frame(infer, scenes):
    frame = {'depth': 1000 * scenes[0]['depth']}
    with pytest.warns(UserWarning, match="'depth' has the mean") as found:
        infer.segment(frame)
    assert found[0].filename == __file__


def test_data_samples(infer, scenes):
    found = infer(some(scenes[0], 'rgb'), return_datasamples=True)
    [sample] = found['predictions']
    mask = infer.segment(some(scenes[0], 'rgb'))
    np.testing.assert_array_equal(sample.pred_sem_seg.data[0].numpy(), mask)


@pytest.fixture
def folders(tmp_path, scenes):
    """One folder per modality; depth lacks a file, another is broken."""
    for name in NAMES:
        (tmp_path / name).mkdir()
    for index, scene in enumerate(scenes):
        bgr = np.ascontiguousarray(scene['rgb'][..., ::-1])
        cv2.imwrite(str(tmp_path / f'rgb/{index}.png'), bgr)
        np.save(tmp_path / f'thermal/{index}.npy', scene['thermal'])
    np.save(tmp_path / 'depth/0.npy', scenes[0]['depth'])
    (tmp_path / 'depth/1.npy').write_bytes(b'')
    return tmp_path


def test_folders_and_manifest(infer, folders, scenes):
    found = infer(folders, out_dir=folders / 'out', panel=True)
    assert found['names'] == ['0', '2']
    assert list(found['failed']) == ['1']
    assert 'depth/1.npy' in found['failed']['1']
    expected = [scenes[0], some(scenes[2], 'rgb', 'thermal')]
    for name, frame in zip(found['names'], expected, strict=True):
        mask = read_array(folders / f'out/{name}.png')[..., 0]
        np.testing.assert_array_equal(mask, infer.segment(frame))
        assert (folders / f'out/{name}_overlay.png').is_file()
        # Three inputs, the prediction, and that of the bare base.
        width = read_array(folders / f'out/{name}_panel.png').shape[1]
        assert width // (4 * 48) == 5
    assert not list(folders.glob('out/1*')) + list(folders.glob('out/*.part'))
    table = 'depth,rgb\ndepth/0.npy,rgb/0.png\n,rgb/2.png\n'
    (folders / 'frames.csv').write_text(table)
    of_table = infer(str(folders / 'frames.csv'))
    assert of_table['names'] == ['0', '2']
    masks = of_table['predictions']
    frame = some(scenes[0], 'rgb', 'depth')
    np.testing.assert_array_equal(masks[0], infer.segment(frame))
    frame = some(scenes[2], 'rgb')
    np.testing.assert_array_equal(masks[1], infer.segment(frame))
    # A file beside an array.
    mixed = {**some(scenes[0], 'depth'), 'rgb': folders / 'rgb/0.png'}
    np.testing.assert_array_equal(infer(mixed)['predictions'][0], masks[0])


def write_video(path, pictures):
    height, width = pictures[0].shape[:2]
    fourcc = cv2.VideoWriter_fourcc(*'MJPG')
    video = cv2.VideoWriter(str(path), fourcc, 10, (width, height))
    for picture in pictures:
        video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()


def test_one_video_per_modality(infer, tmp_path, scenes):
    colours = [scene['rgb'] for scene in scenes]
    greys = [np.full((32, 48, 3), 20 + i, np.uint8) for i in range(2)]
    write_video(tmp_path / 'rgb.avi', colours)
    write_video(tmp_path / 'thermal.avi', greys)
    videos = {n: tmp_path / f'{n}.avi' for n in ('rgb', 'thermal')}
    results = list(infer.results(videos))
    assert [result.combination for result in results] == [
        'rgb+thermal',
        'rgb+thermal',
        'rgb',  # the other one is over
    ]
    assert not any(result.error for result in results)
    for index, result in enumerate(results):  # JPEG loses a little
        off = result.frame['rgb'].astype(float) - colours[index]
        assert np.abs(off).mean() < 20
    assert results[1].frame['thermal'].shape == (32, 48, 1)
    assert abs(results[1].frame['thermal'].mean() - 21) < 3
    (tmp_path / 'rgb.avi').write_bytes(b'no video')
    with pytest.raises(ValueError, match=r'rgb.avi.* cannot be read'):
        infer(videos)


def test_unrepaired_is_the_base(infer, load, files, scenes):
    base = MultiModalInferencer(load('tiny'), files.base)
    frame = some(scenes[0], 'rgb')
    [result] = infer.results(frame, unrepaired=True)
    np.testing.assert_array_equal(result.unrepaired, base.segment(frame))
    assert (result.unrepaired != result.mask).any()
    [plain] = base.results(frame, unrepaired=True)
    assert plain.unrepaired is None


def batch_of(infer, frame):
    batch = infer.collate_fn([infer._sample(frame)])
    return infer.model.data_preprocessor(batch, False)


@pytest.mark.parametrize('names', [('rgb',), ('rgb', 'depth'), NAMES])
def test_folded_equals_unfolded(infer, scenes, names):
    batch = batch_of(infer, some(scenes[0], *names))
    with torch.no_grad():
        expected = infer.model(**batch)
        plain = folded(infer.model, '+'.join(names))
        found = plain(**batch)
    assert not any(hasattr(part, 'adapter') for part in plain.modules())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_folds_are_made_when_needed_and_bounded(load, files, scenes):
    infer = MultiModalInferencer(
        load('tiny-ssf'), files.base, files.adapter, folds=2
    )
    masks = {}
    for names in itertools.chain(*([n] * 3 for n in NAMES)):
        mask = infer.segment(some(scenes[0], names))
        masks.setdefault(names, mask)
        np.testing.assert_array_equal(mask, masks[names])
    assert infer.folded.combinations == ['depth', 'thermal']
    for names in NAMES * 2:  # in turns: not worth it
        infer.segment(some(scenes[0], names))
    assert infer.folded.combinations == ['depth', 'thermal']


def test_folds_do_not_outlive_their_weights(infer, scenes, load, files):
    frame = some(scenes[0], 'rgb')
    for _ in range(3):
        infer.segment(frame)
    assert infer.folded.combinations == ['rgb']
    state = infer.model.state_dict()
    changed = {
        name: torch.randn_like(x) if x.is_floating_point() else x
        for name, x in state.items()
    }
    infer.model.load_state_dict(changed)
    other = MultiModalInferencer(
        load('tiny-ssf'), files.base, files.adapter, folds=0
    )
    other.model.load_state_dict(changed)
    expected = other.segment(frame)
    for _ in range(3):
        np.testing.assert_array_equal(infer.segment(frame), expected)


def test_folds_do_not_outlive_their_settings(infer, scenes, load, files):
    """Such as the fill, or the threshold of a head of one channel."""

    def change(model):
        model.fill = dict.fromkeys(NAMES, 'black')
        model.decode_head.norm.eps = 10.0

    frame = some(scenes[0], 'rgb')
    for _ in range(3):
        before = infer.segment(frame)
    assert infer.folded.combinations == ['rgb']
    other = MultiModalInferencer(
        load('tiny-ssf'), files.base, files.adapter, folds=0
    )
    change(infer.model)
    change(other.model)
    expected = other.segment(frame)
    assert (expected != before).any()
    for _ in range(3):
        np.testing.assert_array_equal(infer.segment(frame), expected)
    infer.model.decode_head.threshold = 0.5
    assert infer.folded.combinations == ['rgb']
    infer.segment(frame)
    assert infer.folded.combinations == []


def test_the_bare_base_is_asked_whatever_is_folded(infer, scenes):
    frame = some(scenes[0], 'rgb')
    bare = infer.unrepaired(frame)
    repaired = infer.segment(frame)
    assert (bare != repaired).any()
    for _ in range(3):
        with infer.model.unrepaired():
            np.testing.assert_array_equal(infer.segment(frame), bare)
        np.testing.assert_array_equal(infer.segment(frame), repaired)
    assert infer.folded.combinations == ['rgb']


def test_what_does_not_fold_says_so(infer, scenes, monkeypatch):
    said = []
    module = 'mmseg_missing.apis.folded_networks'
    monkeypatch.setattr(
        f'{module}.print_log', lambda text, **kwargs: said.append(text)
    )

    def refuse(network, combination):
        raise ValueError('a site cannot be folded')

    frame = some(scenes[0], 'rgb')
    mask = infer.segment(frame)
    monkeypatch.setattr(f'{module}.folded', refuse)
    for _ in range(3):
        np.testing.assert_array_equal(infer.segment(frame), mask)
    assert said == ['rgb runs unfolded: a site cannot be folded']

    def other(network, combination):
        return folded(network, 'rgb')

    monkeypatch.setattr(f'{module}.folded', other)  # a wrong result
    networks, batch = (
        FoldedNetworks(infer.model),
        batch_of(infer, some(scenes[0], 'depth')),
    )
    with torch.no_grad():
        for _ in range(2):
            networks.predict(batch, 'depth')
    assert 'depth runs unfolded: its logits are' in said[1]
    assert networks.combinations == []


def test_threads_share_one(infer, scenes):
    subsets = [
        some(scene, *names)
        for scene in scenes
        for names in (('rgb',), ('rgb',), NAMES, ('depth', 'thermal'))
    ]
    expected = [infer.segment(frame) for frame in subsets]
    fresh = infer.folded = FoldedNetworks(infer.model)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(infer.segment, subsets * 4))
    for mask, right in zip(found, expected * 4, strict=True):
        np.testing.assert_array_equal(mask, right)
    assert len(fresh.combinations) <= fresh.most


def test_rehearsals_drop_frames():
    frames = [Frame(str(i), {'rgb': i, 'depth': i}) for i in range(5)]

    def lacking(*wanted):
        found = dropped(frames, wanted, NAMES)
        return [i for i, f in enumerate(found) if 'depth' not in f.given]

    assert lacking('depth@1-3') == [1, 2, 3]
    assert lacking('depth@2') == [2]
    assert lacking('depth@3-') == [3, 4]
    assert lacking('depth@0-1', 'depth@4') == [0, 1, 4]
    assert lacking('depth') == [0, 1, 2, 3, 4]
    assert lacking('rgb') == []
    for text, word in {
        'lidar@1': 'takes a modality of rgb',
        'depth@x': "got 'depth@x'",
        'depth@7': 'no frame of 0-4',
        'depth@3-1': 'no frame of 0-4',
    }.items():
        with pytest.raises(ValueError, match=word):
            dropped(frames, [text], NAMES)


def test_two_frames_of_one_name(tmp_path):
    for folder in 'ab':
        (tmp_path / folder).mkdir()
        (tmp_path / folder / '1.png').touch()
    frames = [{'rgb': str(tmp_path / f / '1.png')} for f in 'ab']
    with pytest.raises(ValueError, match=r"two frames of a list .*'1'"):
        frames_of(frames, NAMES)


def test_two_files_of_one_frame(tmp_path):
    """Which of them is meant nobody knows."""
    (tmp_path / 'rgb').mkdir()
    for name in ('1.jpg', '1.png', '2.png', '.3.png', '3.png'):
        (tmp_path / 'rgb' / name).touch()
    with pytest.raises(ValueError, match=r"'1.jpg' and '1.png'.* one name"):
        frames_of(tmp_path, NAMES)
    (tmp_path / 'rgb/1.jpg').unlink()
    assert [f.name for f in frames_of(tmp_path, NAMES)] == ['1', '2', '3']


def test_what_is_written_replaces_nothing(infer, tmp_path, scenes):
    def check(*names, panel=False):
        frames = [Frame(name, {}) for name in names]
        masks = {name: tmp_path / f'{name}.png' for name in names}
        check_places(frames, masks, panel)

    check('1', '2_overlay', '1_panel')
    with pytest.raises(ValueError, match=r"overlay .*'1' and .*'1_overlay'"):
        check('1', '1_overlay')
    with pytest.raises(ValueError, match=r"mask .*'1_panel' and .*panel"):
        check('1_panel', '1', panel=True)
    folder = tmp_path / 'rgb'
    folder.mkdir()
    bgr = np.ascontiguousarray(scenes[0]['rgb'][..., ::-1])
    cv2.imwrite(str(folder / '1.png'), bgr)
    (tmp_path / 'link').symlink_to(folder)
    before = (folder / '1.png').read_bytes()
    for out in (folder, tmp_path / 'link'):
        with pytest.raises(ValueError, match=r"'1' would replace the input"):
            infer(tmp_path, out_dir=out)
    assert (folder / '1.png').read_bytes() == before
    assert infer(tmp_path, out_dir=tmp_path)['names'] == ['1']
    assert (tmp_path / '1.png').is_file()


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmseg_missing.apis.rig.print_log',
        lambda text, **kwargs: lines.append(text),
    )
    return lines


def used(results):
    return ''.join('+' if 'depth' in r.combination else '-' for r in results)


def test_a_sensor_that_stalls_is_used_up_to_its_age(infer, scenes, said):
    """Nothing new for five frames, of which two may be bridged."""
    scene = scenes[0]
    alone = some(scene, 'rgb')

    def frames():
        yield some(scene, 'rgb', 'depth')
        yield from [alone] * 2
        yield some(scene, 'rgb', 'depth')  # the same pixels are not new
        yield from [alone] * 2
        for index in range(7):
            depth = scene['depth'] + np.float32(index + 1) / 100
            yield {**alone, 'depth': depth}

    results = list(infer.stream(frames(), {'depth': 2}))
    assert used(results) == '+++' + '---' + '----' + '+++'
    first, held = results[0].mask, results[2].mask
    np.testing.assert_array_equal(held, first)
    np.testing.assert_array_equal(results[3].mask, infer.segment(alone))
    why = 'nothing new for 3 frames, max_age 2'
    # Thermal was never there.
    assert said == [
        'frame 0: thermal is taken out: missing',
        f'frame 3: depth is taken out: {why}',
        'frame 10: depth is back',
    ]


def test_images_age_in_frames_that_fail_too(infer, scenes, said):
    whole, alone = some(scenes[0], 'rgb', 'depth'), some(scenes[0], 'rgb')
    bad = [7, {'lidar': 1}]
    results = infer.stream([whole, *bad, alone], {'depth': 2})
    assert used(results) == '+---'
    results = infer.stream([whole, bad[0], alone, alone], {'depth': 2})
    assert used(results) == '+-+-'


def test_a_stream_lives_on(infer, scenes, said):
    whole = some(scenes[0], 'rgb', 'depth')
    bad = {**whole, 'depth': np.full((32, 48), np.nan)}
    frames = [whole, bad, {}, {'lidar': 1}, 7, {'rgb': 'nowhere.png'}, whole]
    results = list(infer.stream(frames, memory=Stream(on=1)))
    assert used(results[:2]) == '+-'
    words = ['', '', 'at least one', "'lidar'", 'a frame is a dict', 'none']
    words[5] = 'at least one modality'
    for result, word in zip(results, words, strict=False):
        assert word in result.error
        assert (result.mask is None) == bool(word)
    assert used(results[6:]) == '+'
    assert "depth is taken out: modality 'depth' holds NaN" in said[1]
    assert said[2:] == ['frame 6: depth is back']
    with pytest.raises(ValueError, match=r"`max_age` takes .*got 'lidar': 3"):
        next(infer.stream(frames, {'lidar': 3}))
