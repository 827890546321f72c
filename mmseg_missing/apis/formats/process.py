"""Run one format in a process of its own, for its memory.

It is started by its path, so that an ONNX file needs numpy and onnxruntime
alone, as where it is deployed.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RUNS = 3


def main(text: str) -> None:
    """Print the memory before and after, in KiB."""
    files = json.loads(text)
    load = _graph if files['kind'] in ('onnx', 'int8') else _network
    make = load(files)  # imports
    before, run = _peak_kib(), make()
    for _ in range(RUNS):
        run()
    print(json.dumps([before, _peak_kib()]))


def _graph(files: Mapping[str, Any]) -> Callable[[], Callable[[], Any]]:
    import numpy as np
    import onnxruntime  # noqa: F401

    place = Path(__file__).parents[2] / 'runtime.py'
    spec = importlib.util.spec_from_file_location('runtime', place)
    runtime = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runtime)

    def make() -> Callable[[], Any]:
        session = runtime.open_graph(
            Path(files['path']), files['threads'], ['CPUExecutionProvider']
        )
        with np.load(files['arrays']) as arrays:
            given = dict(arrays)
        return lambda: session.run(None, given)

    return make


def _network(files: Mapping[str, Any]) -> Callable[[], Callable[[], Any]]:
    import torch

    from mmseg_missing.apis.formats.frame import read_frame
    from mmseg_missing.apis.formats.running import Files, load_format

    torch.set_num_threads(files['threads'])

    def make() -> Callable[[], Any]:
        run = load_format(Files(**files))
        frame = read_frame(files['frame'])
        return lambda: run(frame)

    return make


def _peak_kib() -> int:
    """Return the largest size of this process.

    ``ru_maxrss`` would be that of the process which started this one, where
    that was larger.
    """
    status = Path('/proc/self/status')
    if status.is_file():
        [line] = [
            line
            for line in status.read_text(encoding='utf-8').splitlines()
            if line.startswith('VmHWM')
        ]
        return int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == 'darwin' else peak


if __name__ == '__main__':
    main(sys.argv[1])
