"""Old names of what moved."""

import importlib

import pytest

MOVED = {
    'mmseg_missing.evaluation': (
        'Comparison',
        'bar_chart',
        'compare',
        'write_comparison',
    ),
    'mmseg_missing.analysis': ('Benchmark', 'Placement', 'shapley_values'),
}


@pytest.mark.parametrize(
    ('module', 'name'), [(m, n) for m, names in MOVED.items() for n in names]
)
def test_old_names_warn_and_work(module, name):
    with pytest.warns(DeprecationWarning, match=name) as warned:
        found = getattr(importlib.import_module(module), name)
    (warning,) = (w for w in warned if name in str(w.message))
    assert found.__module__.split('.')[1] in str(warning.message)
    assert warning.filename == __file__


def test_other_names_are_none():
    with pytest.raises(ImportError, match='nothing'):
        from mmseg_missing.evaluation import nothing  # noqa: F401
