"""Every command and Python block of README, get started, tutorials runs.

A block is a fence. ``bash`` and ``python`` run, ``text`` shows what comes of
it. A line ``<!-- run: no, REASON -->`` above a block says that it cannot run
here, ``<!-- run: long -->`` that `make test-docs` runs it, and ``<!-- run:
with PACKAGE -->`` that it runs where that is installed.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

TOP = Path(__file__).parents[2]
TESTED = [
    'README.md',
    'docs/get_started.md',
    *sorted(
        str(path.relative_to(TOP))
        for path in (TOP / 'docs/tutorials').glob('*.md')
        if path.name != 'extending.md'  # tests/test_extending.py trains it
    ),
]
BLOCK = re.compile(
    r'^(?:<!-- run: (?P<mark>[^>]+?) -->\n)?```(?P<language>\w*)\n'
    r'(?P<text>.*?)^```$',
    re.M | re.S,
)
# Small networks and scenes under the names that the documents use.
DEMO = 'cmnext_small_1xb8-12e_scenes-rgbdt-64x96'
STREAMS = 'multi-stream_small_1xb8-12e_scenes-rgbdtn-64x96'
SMALLER = {
    f'{DEMO}.py': """_base_ = {top!r} + '/tests/configs/tiny.py'
train_dataloader = dict(batch_size=4, dataset=dict(num_scenes=12))
""",
    f'{STREAMS}.py': """_base_ = {top!r} + '/configs/multi_stream/{name}'
widths = [8, 16, 24, 32]
stream = dict(
    embed_dims=8, num_heads=[1, 2, 3, 4], num_layers=[1, 1, 1, 1]
)
model = dict(
    backbone=dict(backbone=stream),
    decode_head=dict(in_channels=widths, channels=16),
)
data = dict(num_scenes=4, size=(32, 48), cache=False)
train_dataloader = dict(batch_size=2, dataset=data)
test_dataloader = dict(batch_size=2, dataset=data)
val_dataloader = dict(batch_size=2, dataset=data)
train_cfg = dict(max_epochs=1)
""",
}
# What longer trainings end with.
LAST = ('epoch_12.pth', 'epoch_30.pth')
SCENE = ('rgb', 'depth', 'thermal')


@dataclass(frozen=True)
class Block:
    """A fence of a page."""

    page: str
    line: int
    language: str
    mark: str
    text: str

    @property
    def runs(self) -> bool:
        """Whether it is a command or Python that can run."""
        is_code = self.language in ('bash', 'python')
        return is_code and not self.reason and not self.lacks

    @property
    def lacks(self) -> bool:
        """Whether the package that it needs is not installed."""
        start, _, package = self.mark.partition('with ')
        return not start and bool(package) and find_spec(package) is None

    @property
    def reason(self) -> str:
        """Why it cannot run, or nothing."""
        return self.mark.removeprefix('no, ') if self.mark[:2] == 'no' else ''

    @property
    def is_long(self) -> bool:
        """Whether it takes minutes."""
        return self.mark == 'long'


def blocks_of(page: str) -> list[Block]:
    """Return the fences of a page, in order."""
    text = (TOP / page).read_text('utf-8')
    return [
        Block(
            page,
            text.count('\n', 0, match.start('text')),
            match['language'],
            match['mark'] or '',
            match['text'],
        )
        for match in BLOCK.finditer(text)
    ]


def as_it_is(text, **style):
    return text, True


class Reader:
    """Does what a reader does: types what a page says, in a folder.

    Args:
        done: Verbs that ran in the folder, whose files are there.
        is_small: Whether trainings take one epoch.
    """

    def __init__(self, done, is_small=True):
        self.done, self.is_small = done, is_small
        self.variables, self.names = {}, {'__name__': 'page'}

    def do(self, block: Block) -> None:
        """Run a block."""
        if block.language == 'python':
            code = compile(block.text, f'{block.page}:{block.line}', 'exec')
            exec(code, self.names)
        else:
            for line in block.text.replace('\\\n', ' ').splitlines():
                self.type(line)

    def type(self, line: str) -> None:
        """Run a line of a shell: variables, verbs, and what makes folders."""
        for name, value in self.variables.items():
            line = re.sub(rf'\${name}\b|\${{{name}}}', value, line)
        words = shlex.split(line, comments=True)
        if not words:
            return
        if re.fullmatch(r'\w+=\S+', words[0]) and len(words) == 1:
            name, value = words[0].split('=', 1)
            self.variables[name] = value
        elif words[0] == 'mmseg-missing':
            if tuple(words) not in self.done:
                self.verb(*words[1:])
            self.done.add(tuple(words))
        elif words[0] in ('cp', 'mkdir', 'rm', 'mv'):
            subprocess.run(words, check=True)
        else:
            raise AssertionError(f'no reader knows how to run {line!r}')

    def verb(self, verb: str, *arguments: str) -> None:
        """Run a verb in this process, with fewer epochs."""
        from mmseg_missing.cli.main import main

        words = [verb, *arguments]
        if self.is_small and '--dry-run' not in words:
            options = ['train_cfg.max_epochs=1']
            if verb == 'train' and '--cfg-options' not in words:
                options = ['--cfg-options', *options]
            if verb == 'train':
                words += options
            if verb == 'repair' and '--epochs' not in words:
                words += ['--epochs', '1']
        try:
            main(words)
        except SystemExit as error:  # of `--help`
            assert not error.code, ' '.join(words)
        if self.is_small and verb == 'train':
            for first in Path('work_dirs').rglob('epoch_1.pth'):
                for last in LAST:
                    first.with_name(last).unlink(missing_ok=True)
                    first.with_name(last).hardlink_to(first)


def draw(folder: Path, number: int, size=(32, 48)) -> None:
    """Write a scene as a user's files: colours, depth in mm, temperature."""
    import tifffile

    from mmseg_missing.datasets.scenes import render_scene

    images, label = render_scene(number, SCENE, size, 0)
    depth_mm = np.uint16(1000 * images['depth'].round(3))
    for name in (*SCENE, 'labels'):
        (folder / name).mkdir(parents=True, exist_ok=True)
    file = f'{number:04}.png'
    cv2.imwrite(str(folder / 'rgb' / file), images['rgb'][..., ::-1])
    cv2.imwrite(str(folder / 'depth' / file), depth_mm)
    cv2.imwrite(str(folder / 'labels' / file), label)
    tiff = folder / 'thermal' / f'{number:04}.tiff'
    tifffile.imwrite(tiff, images['thermal'][..., 0])


@pytest.fixture(scope='session')
def stage(tmp_path_factory, forgetting):
    """A reader's folder after `make demo`, with files of one's own.

    The networks of the documents have tiny ones of the same name here. All
    pages share it, so that what two of them say runs once.
    """
    folder = tmp_path_factory.mktemp('stage')
    (folder / 'configs').mkdir()
    for name, text in SMALLER.items():
        text = text.replace('{top!r}', repr(str(TOP)))
        text = text.replace('{name}', name)
        (folder / 'configs' / name).write_text(text)
    for number in range(5):
        draw(folder / 'data/mine', number)
    shutil.copy(folder / 'data/mine/rgb/0000.png', folder / 'frame.png')
    shutil.copytree(folder / 'data/mine', folder / 'recording')
    shutil.rmtree(folder / 'recording/labels')
    visits = in_folder(folder, forgetting)
    with visits as reader:
        base = f'work_dirs/{DEMO}/epoch_12.pth'
        reader.type(f'mmseg-missing train {DEMO}')
        reader.type(f'mmseg-missing repair {DEMO} {base}')
        for name in (DEMO, f'{DEMO}-repaired'):
            shutil.copytree(f'work_dirs/{name}', f'work_dirs/demo/{name}')
    draw(folder / 'seen', 0, size=(64, 96))
    seen = folder / 'seen/rgb/0000.png'
    shutil.copy(seen, folder / 'work_dirs/demo/frame.png')
    return visits


class in_folder:
    """A reader in a folder, who leaves no global state behind."""

    def __init__(self, folder, forgetting, is_small=True):
        self.folder, self.forgetting = folder, forgetting
        self.done, self.is_small = set(), is_small

    def __enter__(self):
        self.patch = pytest.MonkeyPatch()
        self.patch.chdir(self.folder)
        self.patch.setenv('LOCAL_RANK', '0')
        # MMEngine formats a config four times, longer than a tiny run.
        for place in ('yapf.yapflib.yapf_api', 'mmengine.config.config'):
            self.patch.setattr(f'{place}.FormatCode', as_it_is, raising=False)
        self.state = self.forgetting()
        self.state.__enter__()
        torch.manual_seed(0)
        return Reader(self.done, self.is_small)

    def __exit__(self, *error):
        self.state.__exit__(*error)
        self.patch.undo()


BLOCKS = [block for page in TESTED for block in blocks_of(page)]
STILL = [block for block in BLOCKS if block.reason]
LONG = sorted({block.page for block in BLOCKS if block.is_long})


@pytest.mark.parametrize('page', TESTED)
def test_page(page, stage):
    with stage as reader:
        for block in blocks_of(page):
            if block.runs and not block.is_long:
                reader.do(block)


@pytest.mark.slow
@pytest.mark.parametrize('page', LONG)
def test_long_blocks(page, tmp_path, forgetting):
    with in_folder(tmp_path, forgetting, is_small=False) as reader:
        for block in blocks_of(page):
            if block.is_long:
                reader.do(block)


@pytest.mark.parametrize(
    'block', STILL, ids=lambda block: f'{block.page}:{block.line}'
)
def test_block_that_does_not_run(block):
    pytest.skip(f'one of {len(STILL)} blocks that do not run: {block.reason}')


def test_blocks_say_what_they_are():
    assert len(BLOCKS) > 20
    for block in BLOCKS:
        where = f'{block.page}:{block.line}'
        assert block.language in ('bash', 'python', 'text'), where
        assert re.fullmatch('|long|no, .+|with \\w+', block.mark), where
        assert block.language != 'text' or not block.mark, where
    assert sum(block.runs for block in BLOCKS) > 3 * len(STILL) / 2
