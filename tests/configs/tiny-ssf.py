# Adapters for the network of tiny.py.
_base_ = ['tiny.py', '../../configs/_base_/adapt.py']
base = 'work_dirs/tiny/epoch_1.pth'
model = dict(adapter=dict(type='ScaleShift', rows='table'))
optim_wrapper = _base_.adapt_small.optim_wrapper
