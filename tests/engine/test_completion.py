"""A network that completes its input, in a real Runner."""

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

RESNET = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 4,
    'stem_channels': 4,
    'num_stages': 1,
    'strides': (1,),
    'dilations': (1,),
    'out_indices': (0,),
}
SETTINGS = {
    'backbone': {
        'type': 'MultiStreamBackbone',
        'backbone': RESNET,
        'in_channels': [3, 1],
    },
    'fill': 'predicted',
    'generator': 'conv',
    'completion': {
        'patch': 4,
        'alone': 1,
        'distribution': {'least': 2},
        'distillation': {'ramp': 0.5},
    },
}


@HOOKS.register_module()
class UnpairedHook(Hook):
    """Every second frame lacks depth."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for sample in data_batch['data_samples']:
            if sample.sample_idx % 2:
                sample.set_metainfo({'present': (True, False)})


def test_a_resumed_run_is_the_same(make_runner):
    hooks = [{'type': 'RandomStateHook'}, {'type': 'UnpairedHook'}]
    whole = make_runner(folder='whole', hooks=hooks, **SETTINGS)
    whole.train()
    assert whole.model.completion.distribution.known.any()
    stop = {'type': 'StopHook', 'after': 4}
    with pytest.raises(KeyboardInterrupt):
        make_runner(hooks=[*hooks, stop], **SETTINGS).train()
    resumed = make_runner(hooks=hooks, resume=True, **SETTINGS)
    resumed.train()
    state = whole.model.state_dict()
    for key, value in resumed.model.state_dict().items():
        assert torch.equal(value, state[key]), key
