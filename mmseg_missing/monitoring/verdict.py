"""What is said of sensors, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

STATES = ('absent', 'degraded', 'whole')
ABSENT, DEGRADED, WHOLE = range(3)
# What a verdict rests on. The first five are measured against a limit.
CAUSES = (
    'features',
    'picture',
    'saturated',
    'range',
    'registration',
    'frozen',
    'constant',
    'not finite',
    'missing',
    'returning',
)
FROZEN, CONSTANT, NOT_FINITE, MISSING, RETURNING = range(5, 10)


@dataclass(frozen=True)
class Verdict:
    """On every sensor of every sample.

    Args:
        names: Names of the modalities.
        states: (n, M) places in :data:`STATES`.
        scores: (n, M); above 1 is worse than clean images are, 1e6 and more
            where nothing has to be measured.
        causes: (n, M) places in :data:`CAUSES`: what the score rests on.
        harmful: (n, M) bool, whether the network is better off without it.
        distances: (n, M), how many limits away is what the network sees.

    >>> one = torch.ones(1, 1)
    >>> zero = torch.zeros(1, 1)
    >>> verdict = Verdict(('rgb',), one.long(), 3 * one, zero.long(), one > 0)
    >>> verdict.words()
    [{'rgb': 'degraded (features, 3)'}]
    """

    names: tuple[str, ...]
    states: Tensor
    scores: Tensor
    causes: Tensor
    harmful: Tensor
    distances: Tensor | None = None

    def at(self, tolerance: float) -> Verdict:
        """Return the same with what is harmful at another tolerance.

        Args:
            tolerance: In limits; what is absent or frozen is harmful anyway.

        Raises:
            ValueError: a verdict without distances.
        """
        if self.distances is None:
            raise ValueError('this verdict has no distances to compare with')
        harmful = (self.distances > tolerance) | (self.causes >= FROZEN)
        return replace(self, harmful=harmful)

    def words(self) -> list[dict[str, str]]:
        """Return, for each sample, a phrase per modality."""
        return [
            {
                name: STATES[state]
                if state == WHOLE
                else f'{STATES[state]} ({CAUSES[cause]}, {score:.3g})'
                for name, state, score, cause in zip(self.names, *row)
            }
            for row in zip(
                self.states.tolist(),
                self.scores.tolist(),
                self.causes.tolist(),
            )
        ]
