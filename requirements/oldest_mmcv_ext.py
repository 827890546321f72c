"""In the place of mmcv's compiled operators, which nothing here calls."""


def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)

    def operator(*args, **kwargs):
        raise NotImplementedError(f'mmcv-lite has no {name}')

    return operator
