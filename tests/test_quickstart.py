"""The notebook: what is stored of it, and that it runs."""

import json
import os
from pathlib import Path

import pytest

import mmseg_missing

NOTEBOOK = Path(mmseg_missing.__file__).parents[1] / 'demo/quickstart.ipynb'


@pytest.fixture
def cells():
    """The cells with code."""
    content = json.loads(NOTEBOOK.read_text('utf-8'))
    return [c for c in content['cells'] if c['cell_type'] == 'code']


def test_it_was_run_from_top_to_bottom(cells):
    numbers = [cell['execution_count'] for cell in cells]
    assert numbers == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell['outputs']]
    assert not [o for o in outputs if o['output_type'] == 'error']
    assert len([o for o in outputs if 'image/png' in o.get('data', {})]) > 2


def test_what_is_stored_is_small_and_names_no_machine(cells):
    assert NOTEBOOK.stat().st_size < 300_000
    texts = [
        ''.join(output.get('text', output.get('data', {}).get('text/plain')))
        for cell in cells
        for output in cell['outputs']
    ]
    assert texts
    assert not [text for text in texts if '/tmp/' in text or '/home/' in text]


@pytest.mark.slow
def test_it_runs(tmp_path):
    nbformat = pytest.importorskip('nbformat')
    nbclient = pytest.importorskip('nbclient')
    pytest.importorskip('ipykernel')
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    before = os.environ.get('PYTHONPATH', '')
    os.environ['PYTHONPATH'] = f'{NOTEBOOK.parents[1]}:{before}'
    try:
        nbclient.NotebookClient(
            notebook,
            timeout=1200,
            kernel_name='python3',
            resources={'metadata': {'path': str(tmp_path)}},
        ).execute()
    finally:
        os.environ['PYTHONPATH'] = before
    last = notebook.cells[-2]['outputs'][-1]
    assert last['data']['image/png']
