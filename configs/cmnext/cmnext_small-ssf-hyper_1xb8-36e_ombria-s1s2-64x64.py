# mmseg-missing train configs/cmnext/cmnext_small-ssf-hyper_1xb8-36e_ombria-s1s2-64x64.py
# Result: mIoU 78.07 (all), 65.16 (mean over the 14 missing combinations), recovered 0.96; docs/results/adapters.md
_base_ = 'cmnext_small-ssf_1xb8-12e_ombria-s1s2-64x64.py'
model = dict(adapter=dict(rows='hyper'))
train_cfg = dict(max_epochs=36)
optim_wrapper = dict(optimizer=dict(lr=3e-2))
