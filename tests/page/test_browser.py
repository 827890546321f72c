"""The page in a browser, as somebody uses it."""

import base64
import shutil
import time
from contextlib import contextmanager
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest

from mmseg_missing.page.samples import MOST_BYTES
from mmseg_missing.page.serving import free_port, served

pytest.importorskip('gradio', reason='pip install "mmseg-missing[page]"')
pytest.importorskip('selenium', reason='pip install selenium')
CHROMIUM = [shutil.which(name) for name in ('chromium', 'chromedriver')]
if None in CHROMIUM:
    pytest.skip(
        'no chromium; apt-get install chromium chromium-driver',
        allow_module_level=True,
    )

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

FLAGS = (
    *('headless=new', 'no-sandbox', 'disable-gpu', 'disable-quic'),
    *('no-first-run', 'disable-background-networking', 'disable-sync'),
    *('disable-component-update', 'disable-dev-shm-usage'),
    'window-size=1400,1600',
)
PATIENCE_S = 60
H, W = 32, 48


@pytest.fixture(scope='module')
def address(studio, forgetting):
    host = '127.0.0.1'
    with forgetting(), served(studio, 'tiny', host, free_port(host, 0)) as at:
        yield at


@pytest.fixture(scope='module')
def chrome(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location, driver = CHROMIUM
    folder = tmp_path_factory.mktemp('chrome')
    for flag in (*FLAGS, f'user-data-dir={folder}'):
        options.add_argument(f'--{flag}')
    service = webdriver.ChromeService(driver)
    chrome = webdriver.Chrome(options, service)
    yield chrome
    chrome.quit()


class Visitor:
    """Somebody who looks at the page."""

    def __init__(self, chrome, address):
        self.chrome = chrome
        chrome.get(address)
        self.wait(lambda: len(self.pictures()) == 7)

    def wait(self, fact):
        """Wait until a fact holds, and return it."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = fact()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f'in vain for {PATIENCE_S} s: {self.text()}')

    def run(self, script, *arguments):
        return self.chrome.execute_script(script, *arguments)

    def find(self, selector):
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def label(self, words):
        return self.chrome.find_element(
            By.XPATH, f'//label[contains(., "{words}")]'
        )

    def text(self):
        return self.run('return document.querySelector("#view").innerText')

    def pictures(self):
        """What the pictures show, by their titles."""
        pairs = self.run(
            'return [...document.querySelectorAll("#view img")]'
            '.map(i => [i.alt, i.src])'
        )
        return dict(pairs)

    def changes(self, act, title):
        """Do something, and return pictures once this one has changed."""
        before = self.pictures()[title]
        act()
        self.wait(lambda: self.pictures().get(title) != before)
        self.wait(lambda: len(self.pictures()) >= 6)
        return self.pictures()

    def upload(self, name, path):
        # A hidden input has no focus to lose; the widget listens to it.
        self.find(f'#file-{name} input[type=file]').send_keys(str(path))


@pytest.fixture
def visitor(chrome, address):
    return Visitor(chrome, address)


def test_a_sensor_that_goes_changes_the_picture(visitor):
    before = visitor.pictures()
    assert before['Without repair'] == before['With repair']
    assert 'switch one off' in visitor.text()
    off = visitor.changes(visitor.label('depth').click, 'With repair')
    assert 'missing: depth' in visitor.text()
    assert off['depth'] != before['depth']  # crossed out
    assert off['rgb'] == before['rgb']
    assert off['With repair'] != off['Without repair']
    assert off['Truth'] == before['Truth']
    on = visitor.changes(visitor.label('depth').click, 'With repair')
    assert on == before


def test_by_keyboard(visitor):
    box = visitor.find('#sensors input[name=thermal]')
    visitor.changes(lambda: box.send_keys(Keys.SPACE), 'With repair')
    assert 'missing: thermal' in visitor.text()


def test_a_fault_changes_its_sensor(visitor):
    visitor.chrome.find_element(
        By.XPATH, '//button[contains(., "suffer a fault")]'
    ).click()
    before = visitor.pictures()
    slide = visitor.wait(
        lambda: visitor.find('#severity-rgb input[type=range]')
    )
    mild = visitor.changes(lambda: slide.send_keys(Keys.RIGHT), 'rgb')
    bad = visitor.changes(lambda: slide.send_keys(Keys.END), 'rgb')
    assert bad['rgb'] != mild['rgb']
    assert bad['depth'] == before['depth']
    assert bad['With repair'] != before['With repair']


def test_nothing_on_is_a_sentence(visitor):
    for name in ('rgb', 'depth', 'thermal'):
        visitor.label(name).click()
    visitor.wait(lambda: 'needs at least one sensor' in visitor.text())
    assert not visitor.pictures()
    visitor.label('rgb').click()
    visitor.wait(lambda: 'With repair' in visitor.pictures())


def test_scenes_and_samples(visitor):
    scene = visitor.pictures()
    other = visitor.changes(
        lambda: visitor.chrome.find_element(
            By.XPATH, '//button[contains(., "Another scene")]'
        ).click(),
        'rgb',
    )
    assert other['Truth'] != scene['Truth']
    # The first of the test data is what scene 0 is, too.
    first = visitor.changes(visitor.label('a test sample').click, 'rgb')
    assert first == scene


def test_broken_and_good_files(visitor, studio, tmp_path):
    visitor.label('my own files').click()
    visitor.wait(lambda: 'at least one sensor' in visitor.text())
    broken = tmp_path / 'broken.txt'
    broken.write_bytes(b'this is no picture')
    visitor.upload('rgb', broken)
    visitor.wait(lambda: "rgb: file 'broken.txt' is" in visitor.text())
    assert '/' not in visitor.text().split('is of a format')[0]
    # The same place takes a good one, and the page lives on.
    visitor.find('#file-rgb [aria-label=Clear]').click()
    visitor.wait(lambda: 'at least one sensor' in visitor.text())
    scene = studio.scene(5).frame
    good = tmp_path / 'good.png'
    cv2.imwrite(str(good), np.ascontiguousarray(scene['rgb'][..., ::-1]))
    visitor.upload('rgb', good)
    visitor.wait(lambda: 'missing: depth, thermal' in visitor.text())
    assert 'Truth' not in visitor.pictures()
    np.save(tmp_path / 'thermal.npy', scene['thermal'])
    visitor.upload('thermal', tmp_path / 'thermal.npy')
    visitor.wait(lambda: 'missing: depth.' in visitor.text())
    link = visitor.find('#mm-mask')
    mask = saved(link.get_attribute('href'))
    given = {name: scene[name] for name in ('rgb', 'thermal')}
    np.testing.assert_array_equal(mask, studio.segment.segment(given))
    assert link.get_attribute('download') == 'good_rgb+thermal_mask.png'


def saved(link):
    data = base64.b64decode(link.partition('base64,')[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_mask_lands_on_the_disk(visitor, tmp_path):
    visitor.chrome.execute_cdp_cmd(
        'Browser.setDownloadBehavior',
        {'behavior': 'allow', 'downloadPath': str(tmp_path)},
    )
    visitor.find('#mm-mask').click()
    path = tmp_path / 'scene_0_rgb+depth+thermal_mask.png'
    visitor.wait(path.is_file)
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (H, W)


def test_too_large_a_file_is_refused(visitor, tmp_path):
    visitor.label('my own files').click()
    visitor.wait(lambda: 'at least one sensor' in visitor.text())
    path = tmp_path / 'large.npy'
    path.write_bytes(bytes(MOST_BYTES + 1))
    visitor.upload('rgb', path)
    words = 'exceed the maximum allowed size of 64.0 Mb'
    visitor.wait(
        lambda: words in visitor.run('return document.body.innerText')
    )
    visitor.label('a built-in scene').click()
    visitor.wait(lambda: len(visitor.pictures()) == 7)


def test_the_server_itself_has_the_limit(address):
    """Not every upload comes from this page."""
    mark = b'--mark'
    head = b'Content-Disposition: form-data; name="files"; filename="a.npy"'
    body = b'\r\n'.join(
        [mark, head, b'', bytes(MOST_BYTES + 1), mark + b'--', b'']
    )
    kind = {'Content-Type': 'multipart/form-data; boundary=mark'}
    request = Request(f'{address}/gradio_api/upload', body, kind)
    with pytest.raises(OSError, match='413'):
        urlopen(request)


def test_nothing_is_asked_of_others(visitor, address):
    """Neither by the page, nor by what it is told to fetch."""
    asked = visitor.run(
        'return performance.getEntriesByType("resource").map(e => e.name)'
    )
    assert asked and all(name.startswith((address, 'data:')) for name in asked)
    with urlopen(address) as answer:
        policy = answer.headers['content-security-policy']
    assert "default-src 'self'" in policy and 'http' not in policy
    fetched = visitor.run(
        'return fetch("http://127.0.0.2:9/").then(() => "", e => `${e}`)'
    )
    assert fetched
    errors = [e['message'] for e in visitor.chrome.get_log('browser')]
    assert any('Content Security Policy' in error for error in errors)


def test_files_of_this_machine_are_not_served(address, studio):
    for path in ('/gradio_api/file=/etc/passwd', '/file=/etc/passwd'):
        with pytest.raises(OSError, match=r'HTTP Error 4\d\d'):
            urlopen(address + path)
    foreign = Request(address, headers={'Origin': 'http://example.org'})
    with urlopen(foreign) as answer:
        assert 'example.org' not in str(answer.headers)


@pytest.mark.parametrize('width', [400, 1600])
def test_nothing_sticks_out(visitor, width):
    with sized(visitor.chrome, width):
        wide = visitor.run('return document.documentElement.scrollWidth')
    assert wide <= width


@contextmanager
def sized(chrome, width):
    chrome.execute_cdp_cmd(
        'Emulation.setDeviceMetricsOverride',
        {'width': width, 'height': 900, 'deviceScaleFactor': 1}
        | {'mobile': False},
    )
    yield
    chrome.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
