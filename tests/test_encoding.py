"""Text files are UTF-8 on every system, whatever its locale."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mmseg_missing

PACKAGE = Path(mmseg_missing.__file__).parent
FILES = sorted(PACKAGE.rglob('*.py'))
# Where their first argument may say the encoding, and where their mode.
METHODS = {'read_text': 0, 'write_text': 1, 'open': None}
ELSEWHERE = {'Image', 'tarfile', 'zipfile', 'h5py', 'os', 'fs'}


def unsaid(source):
    """Yield the lines that open a text file and do not say how."""
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
        ):
            continue
        place = METHODS[node.func.attr]
        if place is None:
            is_text = ast.unparse(node.func.value) not in ELSEWHERE
            is_text &= not any('b' in ast.unparse(a) for a in node.args)
        else:
            is_text = len(node.args) <= place
        if is_text and 'encoding' not in {k.arg for k in node.keywords}:
            yield node.lineno


def test_the_check_itself():
    assert list(unsaid('p.read_text()\np.write_text(x)\np.open("a")')) == [
        *(1, 2, 3)
    ]
    assert not list(unsaid('p.read_text("utf-8")\np.open("rb")'))


@pytest.mark.parametrize(
    'path', FILES, ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_text_says_its_encoding(path):
    assert list(unsaid(path.read_text(encoding='utf-8'))) == []


CODE = """
from mmseg_missing.evaluation import CombinationScores, Report, write_report
import sys
folder = sys.argv[1]
miou = dict(mmseg=50.0, cmnext=50.0)
scores = CombinationScores('rgb', 9, miou, miou, 70.0, (40.0,))
write_report(
    Report(
        *(('rgb', 'depth'), ('stra\\u00dfe',), 'mmseg', 'zero', 'test', ()),
        (scores,),
    ),
    folder,
)
"""


def test_names_of_any_language_in_any_locale(tmp_path):
    """After hours of scoring a locale must not lose the result."""
    plain = {'LC_ALL': 'C', 'PYTHONUTF8': '0', 'PYTHONCOERCECLOCALE': '0'}
    subprocess.run(
        [sys.executable, '-c', CODE, str(tmp_path)],
        check=True,
        env={**os.environ, **plain},
    )
    assert 'straße' in (tmp_path / 'report.csv').read_text(encoding='utf-8')
