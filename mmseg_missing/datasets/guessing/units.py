"""Which unit stored values have, and which of them mark holes."""

from __future__ import annotations

from typing import Any

from .guess import A_GUESS, LIKELY, SURE, Guess
from .probing import Probe

CELSIUS = -273.15
# Steps of kelvin that cameras store, the surest first.
STEPS = ((0.01, LIKELY), (0.1, LIKELY), (0.04, A_GUESS))
# Millimetres of depth cameras: half of the pixels lie between.
NEAR_MM, FAR_MM = 200, 10000
# Holes are rarely rarer.
LEAST_HOLES = 1e-4


def guess_unit(sense: str | None, probe: Probe) -> tuple[Guess, dict]:
    """Return the unit of the network's values, and the keys that make it.

    Args:
        sense: the sort of sensor, such as ``depth``; None: unknown.
        probe: what its files hold.
    """
    rules = {'rgb': _colour, 'depth': _depth, 'thermal': _thermal}
    low, middle, high = map(probe.quantile, (0.01, 0.5, 0.999))
    if sense in rules:
        return rules[sense](probe, low, middle, high)
    span = f'{low:.4g} to {high:.4g}'
    return Guess('as stored', SURE, f'values from {span}, unit unknown'), {}


def _unit(
    unit: str, confidence: str, reason: str, scale: float, offset: float = 0.0
) -> tuple[Guess, dict]:
    keys = {'scale': Guess(float(f'{scale:.6g}'), confidence, reason)}
    if offset:
        keys['offset'] = Guess(offset, confidence, 'with this scale')
    return Guess(unit, confidence, reason), keys


def _colour(probe: Probe, low: float, middle: float, high: float):
    if probe.dtype == 'uint8':
        return Guess('0 to 255', SURE, '8 bits'), {}
    top = float(probe.values.max(initial=0))
    if not probe.is_whole:
        if 0 <= top <= 1.5:
            reason = f'floats up to {top:.4g}'
            return _unit('0 to 255', LIKELY, reason, 255.0)
        return Guess('as stored', A_GUESS, f'floats up to {top:.4g}'), {}
    bits = next((b for b in (10, 12, 14, 16) if top < 2**b), 16)
    confidence = LIKELY if bits == 16 else A_GUESS
    reason = f'values up to {top:g}, so {bits} bits'
    return _unit('0 to 255', confidence, reason, 255 / (2**bits - 1))


def _depth(probe: Probe, low: float, middle: float, high: float):
    if probe.dtype == 'uint8':
        reason = '8 bits hold no metres; set `scale` if you know their step'
        return Guess('as stored', A_GUESS, reason), {}
    if probe.is_whole:
        reason = (
            f'half of the values are below {middle:g}, nearly all {high:g}'
        )
        if middle < NEAR_MM:
            return Guess('as stored', A_GUESS, reason), {}
        is_room = middle <= FAR_MM
        reason += '' if is_room else '; also usual: 1 / 5000 and 1 / 256'
        confidence = LIKELY if is_room else A_GUESS
        return _unit('metres, stored in mm', confidence, reason, 0.001)
    reason = f'floats, half of them below {middle:.3g}, nearly all {high:.3g}'
    if high <= 1.0:
        return Guess('as stored, 0 to 1', A_GUESS, reason), {}
    if middle > NEAR_MM:
        return _unit('metres, stored in mm', LIKELY, reason, 0.001)
    return Guess('metres', LIKELY, reason), {}


def _thermal(probe: Probe, low: float, middle: float, high: float):
    span = f'values from {low:.5g} to {high:.5g}'
    if probe.dtype == 'uint8':
        return Guess('as stored', SURE, "8 bits, the camera's contrast"), {}
    if probe.is_whole:
        for step, confidence in STEPS:
            celsius = low * step + CELSIUS, middle * step + CELSIUS
            if celsius[0] > -60 and -30 < celsius[1] < 60:
                unit = f'degrees Celsius, stored in {step:g} K'
                return _unit(unit, confidence, span, step, offset=CELSIUS)
        return Guess('as stored', A_GUESS, f"{span}, the camera's counts"), {}
    if 230 < middle < 400:
        reason = f'{span}, which are kelvin'
        keys = {'offset': Guess(CELSIUS, LIKELY, reason)}
        return Guess('degrees Celsius', LIKELY, reason), keys
    is_celsius = low > -60 and 1 < high < 400
    confidence = LIKELY if is_celsius else A_GUESS
    unit = 'degrees Celsius' if is_celsius else 'as stored'
    return Guess(unit, confidence, span), {}


def guess_nodata(sense: str | None, probe: Probe) -> Guess | None:
    """Return the stored values that mark pixels without one, or None."""
    marks: dict[Any, str] = {}
    if probe.nan:
        marks['nan'] = 'NaN occurs'
    marks |= dict.fromkeys(probe.infinite, 'infinity occurs')
    if probe.declared is not None:
        value = probe.declared
        marks['nan' if value != value else _plain(value)] = 'the TIFFs say so'
    for value in probe.marks():
        marks.setdefault(_plain(value), f'{value:g} is far from all others')
    is_sure = probe.nan or probe.declared is not None
    if sense in ('depth', 'disparity') and probe.zeros > LEAST_HOLES:
        zeros = f'0 in {probe.zeros:.2%} of the pixels, usual for holes'
        is_sure = is_sure and 0 in marks
        marks.setdefault(0, zeros)
    if not marks:
        return None
    values = list(marks)
    reason = '; '.join(marks.values())
    confidence = SURE if is_sure else LIKELY
    return Guess(values[0] if len(values) == 1 else values, confidence, reason)


def _plain(value: float) -> float | int:
    is_whole = float(value).is_integer() and abs(value) < 1e9
    return int(value) if is_whole else value
