"""Four threads, four hundred frames: the bits of one thread."""

import sys
import threading

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

THREADS, CALLS = 4, 100
CONFIG = 'configs/cmnext/cmnext_small-ssf_1xb8-12e_scenes-rgbdt-64x96.py'


@pytest.fixture
def segmentor(pytestconfig):
    """The network of the demo, with rows that look trained."""
    from mmseg.registry import MODELS

    cfg = Config.fromfile(str(pytestconfig.rootpath / CONFIG))
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for vector in model.adapters.rows.missing.values():
        vector.data.normal_(0, 0.1)
    model.adapters.samples_seen += 1
    return model.eval()


@pytest.fixture
def take_turns():
    """Let threads take turns often, within every forward."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
def test_four_threads_give_the_bits_of_one(segmentor, take_turns, outcomes):
    stack = segmentor.stack
    names = stack.combinations()
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, stack.num_channels, 32, 48, generator=generator)

    @torch.no_grad()
    def run(name):
        meta = {
            'present': stack.present(name)[0],
            'ori_shape': image.shape[2:],
        }
        meta['img_shape'] = meta['pad_shape'] = meta['ori_shape']
        return segmentor.encode_decode(image, [meta])

    expected = {name: run(name) for name in names}
    found = []

    def work(thread):
        for call in range(CALLS):
            name = names[(3 * thread + call) % len(names)]
            try:
                is_same = torch.equal(run(name), expected[name])
                outcome = 'right' if is_same else 'silent'
            except Exception as error:
                outcome = f'traceback {error}'
            found.append((outcome, name))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for outcome, name in found:
        outcomes.add(outcome.partition(' ')[0], f'{name}: {outcome}')
    assert outcomes.counts == {'right': THREADS * CALLS}, outcomes.faults
    for name in names:  # and nothing wrong was kept
        assert torch.equal(run(name), expected[name])
