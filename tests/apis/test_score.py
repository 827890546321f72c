"""What a test leaves in its folder."""

import pytest

from mmseg_missing.apis.score import score
from mmseg_missing.reporting.pictures import FOLDER, Gallery


@pytest.fixture
def run(load, files, tmp_path):
    """Return a function that scores the tiny network."""

    def run(out, adapter=None, base=None):
        cfg = load('tiny-ssf')
        cfg.work_dir, cfg.launcher = str(tmp_path / 'work'), 'none'
        score(cfg, files.base, adapter, out=tmp_path / out, base=base)
        return tmp_path / out

    return run


def test_pictures_go_with_their_scores(run, files):
    """Those of another network do not stay beside a new report."""
    before = run('before')
    after = run('after', files.adapter, before)
    assert Gallery.read(after).pictures
    (after / FOLDER / 'mine.png').touch()
    run('after')
    assert Gallery.read(after) is None
    assert [path.name for path in (after / FOLDER).iterdir()] == ['mine.png']
