"""What the steps of a pipeline cost."""

import time

import pytest

from mmseg_missing.benchmark.loading import loading_table, time_steps


def busy(milliseconds):
    end = time.process_time() + milliseconds / 1000
    while time.process_time() < end:
        pass


class Busy:
    def __init__(self, milliseconds):
        self.milliseconds = milliseconds

    def __call__(self, sample):
        busy(self.milliseconds)
        return {**sample, 'steps': sample.get('steps', 0) + 1}


class Waiting(Busy):
    def __call__(self, sample):
        assert sample['steps'] == 2  # what the steps before it returned
        time.sleep(self.milliseconds / 1000)
        return sample


class Data:
    """A data set of MMEngine, as far as timing goes."""

    class pipeline:
        transforms = (Busy(4), Busy(2), Waiting(20))

    def full_init(self):
        pass

    def get_data_info(self, index):
        return {'index': index}


def test_each_step_has_its_time():
    seen = []
    seconds = time_steps(
        Data(), range(4), lambda sample: (seen.append(sample), busy(2))
    )
    assert [sample['index'] for sample in seen] == [0, 1, 2, 3]
    assert list(seconds) == ['decoding alone', 'Busy', 'Busy 2', 'Waiting']
    decoding, first, second, waiting = seconds.values()
    assert 0.0015 < decoding < first < 0.02
    assert second < first
    assert waiting < 0.002  # nothing was computed


def test_one_image_is_too_few():
    with pytest.raises(ValueError, match='--images'):
        time_steps(Data(), range(1), lambda sample: None)


def test_table_gives_ratios():
    table = loading_table({'decoding alone': 0.004, 'Pack': 0.001, 'x': 0.005})
    assert table.splitlines()[2:] == [
        '| decoding alone | 4.00 | 1.00 |',
        '| Pack | 1.00 | 0.25 |',
        '| x | 5.00 | 1.25 |',
        '| the whole pipeline | 6.00 | 1.50 |',
    ]
