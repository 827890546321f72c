"""What the widgets of a page are, without a browser."""

import pytest

from mmseg_missing.page import Studio
from mmseg_missing.page.answer import FILES, SCENE, answer

gr = pytest.importorskip('gradio', reason='pip install "mmseg-missing[page]"')

from mmseg_missing.page.widgets import _question, build_page  # noqa: E402


def of_kind(page, kind):
    return [block for block in page.blocks.values() if type(block) is kind]


def test_what_they_say_together(studio):
    paths = ['/a.png', None, '/c.npy']
    faults = ['fog', 0, 'noise', 3, 'blur', 5]
    values = [SCENE, 4, 1, *paths, ['rgb', 'depth'], *faults]
    question = _question(studio, values)
    assert (question.kind, question.scene, question.index) == (SCENE, 4, 1)
    assert question.files == {
        'rgb': '/a.png',
        'depth': None,
        'thermal': '/c.npy',
    }
    assert question.is_on == ['rgb', 'depth']
    assert question.faults == {
        'rgb': ('fog', 0),
        'depth': ('noise', 3),
        'thermal': ('blur', 5),
    }
    assert 'missing: <b>thermal</b>' in answer(studio, question)


def test_without_data_files_are_what_is_left(cfg, files):
    cfg.test_dataloader.dataset.data_root = 'nowhere'
    page = build_page(Studio(cfg, files.base), 'tiny')
    [kind] = of_kind(page, gr.Radio)
    assert [name for name, _ in kind.choices] == [FILES]
    assert any('not at hand' in m.value for m in of_kind(page, gr.Markdown))
    assert len(of_kind(page, gr.File)) == 3


def test_nothing_can_be_called_but_by_the_page(studio):
    """And nobody is told that it exists."""
    page = build_page(studio, 'tiny')
    assert not page.analytics_enabled
    assert not page.get_api_info()['named_endpoints']
