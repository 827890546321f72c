"""Activation checkpointing: `with_cp` of backbones, MMEngine's key."""

import copy
import threading

import pytest
import torch

# What has `with_cp`: MMSegmentation's backbones and ours.
CMNEXT = {
    'type': 'CMNeXt',
    'embed_dims': (8, 16, 40, 64),
    'depths': (1, 2, 1, 1),
    'in_channels': [3, 1],
}
RESNET = {
    'type': 'ResNet',
    'depth': 18,
    'base_channels': 8,
    'stem_channels': 8,
}
SWIN = {
    'type': 'SwinTransformer',
    'embed_dims': 8,
    'depths': [1, 2, 1, 1],
    'num_heads': [1, 1, 2, 2],
    'window_size': 3,
    'in_channels': 4,
}
MIT = {
    'type': 'MixVisionTransformer',
    'embed_dims': 8,
    'num_layers': [1, 1, 1, 1],
    'num_heads': [1, 1, 2, 2],
}
MOBILENET = {'type': 'MobileNetV2', 'widen_factor': 0.25}
STREAMS = {'type': 'MultiStreamBackbone', 'in_channels': [3, 1]}
SHARED = {'type': 'SharedStreamBackbone', 'in_channels': [3, 1]}
EIGHTS, OWN = [8, 16, 32, 64], [8, 16, 40, 64]
NETWORKS = {
    'CMNeXt': (CMNEXT, OWN),
    'CMX': ({**CMNEXT, 'type': 'CMX'}, OWN),
    'MMSFormer': ({**CMNEXT, 'type': 'MMSFormer'}, OWN),
    'Swin': (SWIN, EIGHTS),
    'ResNet streams': ({**STREAMS, 'backbone': RESNET}, EIGHTS),
    'MiT streams': ({**STREAMS, 'backbone': MIT}, [8, 8, 16, 16]),
    'MobileNet streams': ({**STREAMS, 'backbone': MOBILENET}, [8, 8, 24, 80]),
    'shared ResNet': ({**SHARED, 'backbone': RESNET}, EIGHTS),
}
PRESENT = [(True, False), (False, True)]


def flagged(network):
    """Return the network with ``with_cp=True`` where it has that key."""
    backbone, channels = copy.deepcopy(NETWORKS[network])
    backbone.get('backbone', backbone)['with_cp'] = True
    return backbone, channels


@pytest.fixture
def learn(inputs, make_samples):
    """Return a function that gives loss and gradients of all rows."""

    def learn(model, present=PRESENT):
        losses = model.train().loss(inputs, make_samples(present))
        rows = list(model.adapters.rows.table.values())
        loss = losses['decode.loss_ce']
        return loss.detach(), torch.autograd.grad(
            loss, rows, allow_unused=True
        )

    return learn


def saved_bytes(run):
    """Return what autograd keeps of a forward, weights included."""
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        run()
    return sum(kept.values())


@pytest.mark.parametrize('network', NETWORKS)
def test_gradients_are_the_same(make_pair, learn, network):
    _, plain = make_pair(NETWORKS[network], sampler='full')
    _, model = make_pair(flagged(network), sampler='full')
    repeated = [m for m in model.modules() if 'forward' in vars(m)]
    assert repeated
    block, runs = repeated[-1], {'block': 0, 'layer': 0}
    layer = next(m for m in block.modules() if hasattr(m, 'adapter'))
    for name, module in {'block': block, 'layer': layer}.items():

        def count(*_, name=name):
            runs[name] += 1

        module.register_forward_hook(count)
    (loss, expected), (again, found) = learn(plain), learn(model)
    assert torch.equal(loss, again)
    torch.testing.assert_close(found, expected)
    assert runs['layer'] == 2 * runs['block']


@pytest.mark.parametrize('network', ['CMNeXt', 'ResNet streams'])
def test_less_is_kept(make_pair, inputs, make_samples, network):
    samples = make_samples(PRESENT)
    plain, model = (
        make_pair(config, sampler='full')[1].train()
        for config in (NETWORKS[network], flagged(network))
    )
    assert saved_bytes(lambda: model.loss(inputs, samples)) < 0.8 * (
        saved_bytes(lambda: plain.loss(inputs, samples))
    )


def test_threads_repeat_their_own(make_pair, learn):
    """Each thread learns from other samples, all in the same network."""
    _, model = make_pair(flagged('ResNet streams'), sampler='full')
    batches = [PRESENT, PRESENT[::-1], [(True, True), (False, True)]]
    expected = [learn(model, batch) for batch in batches]
    found, barrier = {}, threading.Barrier(len(batches))

    def work(index):
        barrier.wait()
        found[index] = learn(model, batches[index])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, (loss, gradients) in enumerate(expected):
        assert torch.equal(found[index][0], loss)
        torch.testing.assert_close(found[index][1], gradients)


def test_full_input_is_the_base(make_pair, inputs):
    base, model = make_pair(flagged('CMNeXt'))
    assert torch.equal(base(inputs), model(inputs))
