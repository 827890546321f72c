"""Rows in closed form through a real segmentor, and as a start."""

import pytest
import torch

from mmseg_missing.adapters import adapted
from mmseg_missing.engine.fitting import fit_segmentor

ADAPTER = {'type': 'ScaleShift'}


@pytest.fixture
def join(base):
    return {
        'type': 'AdapterCheckpointHook',
        'base': base,
        'init': 'moments',
        'init_batches': 2,
    }


def frames(runner):
    return runner.train_dataloader.dataset


class TestFitSegmentor:
    @pytest.mark.parametrize('by', ['moments', 'norm_statistics'])
    @pytest.mark.parametrize(
        'how', [{'adapter': ADAPTER}, {'wrap': True}], ids=['segmentor', 'bb']
    )
    def test_every_row_is_set(self, make_runner, by, how):
        runner = make_runner(**how)
        before = {k: v.clone() for k, v in runner.model.state_dict().items()}
        modes = [module.training for module in runner.model.modules()]

        seen = fit_segmentor(runner.model, frames(runner), 2, 2, by)

        ((_, root),) = adapted(runner.model)
        assert seen == 4
        assert root.adapters.trained == ('rgb', 'depth')
        assert set(root.adapters.samples_seen.tolist()) == {4}
        changed = {
            key.rpartition('adapters.')[2]
            for key, value in runner.model.state_dict().items()
            if not torch.equal(value, before[key])
        }
        assert changed == {'rows.table.rgb', 'rows.table.depth'} | {
            'samples_seen'
        }
        assert modes == [m.training for m in runner.model.modules()]

    def test_fill_is_the_models(self, make_runner):
        """A black modality in the place of a black one changes nothing."""
        runner = make_runner(adapter=ADAPTER, fill='black')
        dark = [dict(frames(runner)[i]) for i in range(4)]
        for item in dark:
            item['inputs'] = item['inputs'].clone()
            item['inputs'][3] = 0  # depth

        fit_segmentor(runner.model, dark, 1, 4, combinations=['rgb'])

        row = runner.model.adapters.rows.table['rgb']
        torch.testing.assert_close(row, torch.zeros_like(row))


class TestStart:
    def test_training_starts_at_the_moments(self, make_runner, join):
        """No step has been made when the first loss is asked for."""
        runner = make_runner(adapter=ADAPTER, hooks=[join])
        bank, step, seen = runner.model.adapters, runner.model.train_step, []

        def look(*args, **kwargs):
            if not seen:
                seen.append(
                    (
                        bank.numbers(bank.stack.present(['rgb', 'depth'])),
                        bank.trained,
                    )
                )
            return step(*args, **kwargs)

        runner.model.train_step = look
        runner.train()

        ((numbers, trained),) = seen
        assert trained == ()
        assert (numbers != bank.identity).any(1).all()
        assert bank.samples_seen.tolist() == [6, 6]

    def test_training_draws_what_it_would_have(self, make_runner, join):
        plain = {**join, 'init': 'identity'}
        losses = []
        for hook in (join, plain):
            runner = make_runner(
                adapter=ADAPTER, hooks=[hook], sampler='full', iters=3
            )
            losses.append([])
            step = runner.model.train_step

            def look(*args, step=step, **kwargs):
                found = step(*args, **kwargs)
                losses[-1].append(found['loss'].item())
                return found

            runner.model.train_step = look
            with pytest.raises(ValueError, match='no adapter row'):
                runner.train()
        assert losses[0] == losses[1]

    def test_a_resumed_run_goes_on(self, make_runner, join):
        """It does not start at the moments again."""
        settings = {'adapter': ADAPTER, 'iters': 6}
        check = {'type': 'FrozenBaseCheckHook'}
        hooks = [{'type': 'RandomStateHook'}, join, check]
        whole = make_runner(**settings, hooks=hooks, folder='whole')
        whole.train()
        stop = {'type': 'StopHook', 'after': 4}
        with pytest.raises(KeyboardInterrupt):
            make_runner(**settings, hooks=[*hooks, stop]).train()
        resumed = make_runner(**settings, hooks=hooks, resume=True)
        resumed.train()
        expected = whole.model.adapters.state_dict()
        for key, value in resumed.model.adapters.state_dict().items():
            assert torch.equal(value, expected[key]), key

    @pytest.mark.parametrize('wrong', [{'init': 'magic'}, {'init_batches': 0}])
    def test_unknown_start(self, make_runner, join, wrong):
        with pytest.raises(ValueError, match=r'init'):
            make_runner(adapter=ADAPTER, hooks=[{**join, **wrong}])

    def test_method_without_closed_form(self, make_runner, join):
        adapter = {'type': 'LowRank', 'rank': 1}
        with pytest.raises(ValueError, match='not a LowRank'):
            make_runner(adapter=adapter, hooks=[join]).train()
