"""What is recommended, with reasons, as lines of a config or a command."""

from __future__ import annotations

from dataclasses import dataclass, field

RATE, HIGH_RATE = 1e-2, 3e-2
# These learnt best at the high rate; docs/results/adapters.md, "Scenes".
HIGH = ('hyper', 'Scale', 'NormTuning')


@dataclass
class Recommendation:
    """Adapters, and why these.

    Args:
        adapter: Method; None: there is no time to train any.
        rows: Row mode.
        sites: ``all`` or ``importance``.
        share: What adapters of one combination may add.
        init: Where rows start; None: at the identity.
        times: Epochs, in those of the base.
        epochs: The same as a number, where the base is known.
        reasons: Why, in sentences.
        unknown: What nobody measured, in sentences.
    """

    share: float
    adapter: str | None = None
    rows: str | None = None
    sites: str = 'all'
    init: str | None = None
    times: float = 0.0
    epochs: int | None = None
    reasons: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The learning rate."""
        return HIGH_RATE if {self.rows, self.adapter} & {*HIGH} else RATE

    def config_lines(self) -> str:
        """Return what stands in the config of these adapters."""
        adapter = [f'type={self.adapter!r}', f'rows={self.rows!r}']
        if self.sites == 'importance':
            adapter.append("sites='FOLDER/sites.json'")
        hook = f', init={self.init!r}' if self.init else ''
        return (
            f'model = dict(adapter=dict({", ".join(adapter)}))\n'
            f'train_cfg = dict(max_epochs={self.epochs or "EPOCHS"})\n'
            'optim_wrapper = dict(optimizer=dict(lr='
            f'{self.rate:g}, weight_decay=0.0), paramwise_cfg=None)\n'
            f"custom_hooks = [dict(type='AdapterCheckpointHook'{hook}), "
            "dict(type='FrozenBaseCheckHook')]"
        )

    def command(self, config: str = 'CONFIG') -> str:
        """Return the command that trains them."""
        if self.adapter is None:
            return f'mmseg-missing fit {config} CHECKPOINT OUT --by moments'
        parts = [f'mmseg-missing repair {config} CHECKPOINT']
        if self.sites == 'importance':
            parts.append(f'--budget {100 * self.share:g}%')
        parts += [f'--rows {self.rows}', f'--epochs {self.epochs or "EPOCHS"}']
        if self.init:
            parts.append(f'--init {self.init}')
        if self.adapter != 'ScaleShift':
            parts.append(
                f'--cfg-options model.adapter.type={self.adapter} '
                f'optim_wrapper.optimizer.lr={self.rate:g}'
            )
        return ' '.join(parts)
