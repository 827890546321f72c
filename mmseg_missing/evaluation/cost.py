"""What one training cost, as plain data: ``cost.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ..values import expecting, real

COST_FILE = 'cost.json'


@dataclass(frozen=True)
class Cost:
    """What a training took and what it leaves to be stored.

    Args:
        config: Name of the config, without suffix; empty: unknown.
        seed: Seed of the run.
        modalities: Names in stack order.
        trained_parameters: Numbers that the optimizer may move.
        total_parameters: Numbers of the network, adapters included.
        added_parameters: Numbers of adapters that one combination uses; 0
            where nothing is adapted.
        stored_parameters: Numbers of all adapters, for all combinations.
        iterations: Training steps.
        seconds: Seconds of these steps, without loading of data, validation
            and saving.
        seconds_per_iteration: The median.
        memory_mib: Peak over the whole training, validation included.
        memory_measured_by: How it was read.
        device: On which the steps ran.
        threads: Number of threads of the CPU.
        sampler: Class of what drew the combinations.
        samples_seen: Training samples by the combination that they showed.

    Raises:
        TypeError: a time or a size that is no number.
        ValueError: one that is not finite, or negative.
    """

    config: str
    seed: int
    modalities: tuple[str, ...]
    trained_parameters: int
    total_parameters: int
    added_parameters: int
    stored_parameters: int
    iterations: int
    seconds: float
    seconds_per_iteration: float
    memory_mib: float
    memory_measured_by: str
    device: str
    threads: int
    sampler: str
    samples_seen: Mapping[str, int]

    def __post_init__(self) -> None:
        for key in ('seconds', 'seconds_per_iteration', 'memory_mib'):
            real(key, getattr(self, key), least=0)

    @property
    def base_parameters(self) -> int:
        """Numbers of the network without its adapters."""
        return self.total_parameters - self.stored_parameters

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(asdict(self), indent=2, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Cost:
        """Return the cost that :meth:`to_json` wrote.

        Raises:
            ValueError: the text is no such cost.
        """
        remedy = 'write it again with mmseg-missing train'
        with expecting(f'a {COST_FILE} of a training', remedy):
            fields = json.loads(text)
            return cls(**{**fields, 'modalities': tuple(fields['modalities'])})
