"""What a forward is told is seen by its own call alone."""

import asyncio
import threading

import pytest
import torch

from mmseg_missing.context import telling, told_to


def test_the_innermost_block_tells():
    with telling({'a': 1, 'b': 2}):
        with telling({'a': 3}):
            assert (told_to('a'), told_to('b')) == (3, 2)
        assert told_to('a') == 1
    assert told_to('a') is None
    assert told_to('a', 'nothing') == 'nothing'


def test_an_error_ends_the_block():
    with pytest.raises(KeyError), telling({'a': 1}):
        raise KeyError
    assert told_to('a') is None


def test_threads_do_not_hear_each_other():
    barrier, heard = threading.Barrier(2), {}

    def run(value):
        with telling({'a': value}):
            barrier.wait()
            heard[value] = told_to('a')
            barrier.wait()

    with telling({'a': 'outside'}):
        threads = [threading.Thread(target=run, args=(v,)) for v in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == {1: 1, 2: 2}


def test_tasks_do_not_hear_each_other():
    async def run(value, turns):
        heard = []
        for _ in range(turns):
            with telling({'a': value}):
                await asyncio.sleep(0)
                heard.append(told_to('a'))
        return heard, told_to('a')

    async def both():
        return await asyncio.gather(run(1, 3), run(2, 5))

    assert asyncio.run(both()) == [([1] * 3, None), ([2] * 5, None)]
    assert told_to('a') is None


@pytest.mark.skipif(
    not hasattr(torch.compiler, 'is_compiling'),
    reason='torch 2.1 and 2.2 compile less',
)
def test_compiled_in_a_thread_that_was_told_nothing():
    def run(x):
        with telling({'key': 2}):
            return x * told_to('key')

    torch._dynamo.reset()
    compiled, found = torch.compile(run, backend='eager'), []
    thread = threading.Thread(
        target=lambda: found.append(compiled(torch.ones(3)))
    )
    thread.start()
    thread.join()
    assert found[0].tolist() == [2, 2, 2]
