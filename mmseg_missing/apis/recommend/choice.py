"""Which adapters for so many numbers and hours, by what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from ...adapters import adapted
from ...evaluation import COST_FILE, Cost
from ...startup.deriving import check_repairable, derive
from ...startup.start import count_base
from ..model import load_config
from ..placing import fitting
from .measured import Run, against_default, kept, load_runs
from .recommendation import Recommendation

# A step of adapters, in steps of the base; docs/results/adapters.md,
# "Against what was asked".
STEP = 0.83


def recommend(
    share: float,
    hours: float,
    modalities: int = 3,
    config: str | Path | None = None,
    run: str | Path | None = None,
    analysis: str | Path | None = None,
) -> Recommendation:
    """Choose adapters by the tables of this project.

    Args:
        share: Part of the network that those of one combination may add.
        hours: Hours that training may take.
        modalities: How many, where no config says.
        config: Config of the base, so that its own numbers count.
        run: Work folder of the base's training, so that its seconds count.
        analysis: Folder of ``analyze``, whose ranking of the sites is used.

    Raises:
        FileNotFoundError: no such file.
        ValueError: numbers that cannot be, or a config with nothing to
            adapt.

    >>> recommend(share=0.2, hours=1.0, modalities=4).adapter
    'ScaleShift'
    """
    if not (0 < share <= 1 and hours > 0 and modalities > 1):
        raise ValueError(
            'expected a share up to 100%, hours above 0 and two modalities '
            f'or more, got {share:.2%}, {hours:g} and {modalities}; check '
            '--share, --hours and --modalities'
        )
    runs, cfg = load_runs(), None
    if config is not None:
        cfg = load_config(config)
        modalities = len(check_repairable(cfg))
    found = Recommendation(share)
    _choose_length(found, runs, hours, modalities, run)
    if found.adapter is None:
        return found
    own = _own_shares(cfg) if cfg else {}
    _choose_adapter(found, runs, own)
    _choose_rows(found, modalities)
    _choose_start(found, runs, modalities)
    if cfg is not None and cfg.train_cfg.get('max_epochs'):
        found.epochs = max(1, round(found.times * cfg.train_cfg.max_epochs))
    if analysis is not None:
        _read_analysis(found, Path(analysis), cfg)
    _say_unknown(found, modalities)
    return found


def _choose_length(
    found: Recommendation,
    runs: Sequence[Run],
    hours: float,
    modalities: int,
    folder: str | Path | None,
) -> None:
    """Choose epochs and row mode: the longest measured run in that time."""
    cost = None
    if folder is not None:
        cost = Cost.from_json(
            (Path(folder) / COST_FILE).read_text(encoding='utf-8')
        )

    def seconds(run: Run) -> float:
        if cost is None:
            return run.seconds
        steps = run.times * cost.iterations
        return STEP * steps * cost.seconds_per_iteration

    like = [
        r
        for r in runs
        if r.is_default and (r.modalities > 2) == (modalities > 2)
    ]
    fit = [r for r in like if seconds(r) <= 3600 * hours]
    if not fit:
        least = min(map(seconds, like))
        found.reasons.append(
            f'The shortest training that was measured takes {least:.0f} s '
            f'here, and there are {3600 * hours:.0f}. Without training, '
            'moments in closed form recovered 0.32 of what dedicated '
            'networks have more, from one look at some training images '
            '(docs/results/adapters.md, "Rivals").'
        )
        found.unknown.append('How long the closed form takes.')
        return
    best = max(fit, key=lambda r: (r.times, r.recovered))
    found.adapter, found.rows, found.times = (
        'ScaleShift',
        best.rows,
        best.times,
    )
    took = 'by the steps of your base' if cost else 'on two CPU cores'
    found.reasons.append(
        f'Length: {best.times:.2g} times the epochs of the base is the '
        f'longest run that was measured and fits, {seconds(best):.0f} s '
        f'{took}; it recovered {best.recovered:.2f} of what dedicated '
        f'networks have more, on {best.data} ({best.epochs} epochs on '
        f'{best.base_epochs}, {best.images} images). More steps are what '
        f'closes the gap ({best.page}).'
    )


def _choose_adapter(
    found: Recommendation, runs: Sequence[Run], own: Mapping[str, float]
) -> None:
    """Choose method and sites: what keeps most in its worst comparison."""
    compared: dict[tuple[str, str], list[tuple[Run, float]]] = {}
    for run, default in against_default(runs):
        if run.start == 'identity' and run.sites != 'random':
            pair = run, kept(run, default)
            compared.setdefault((run.adapter, run.sites), []).append(pair)

    def needs(choice: tuple[str, str]) -> float:
        adapter, sites = choice
        if sites == 'all' and adapter in own:
            return own[adapter]
        return max(run.share for run, _ in compared[choice])

    def worst(choice: tuple[str, str]) -> float:
        return min(part for _, part in compared[choice])

    # A fixed list of sites is another network's.
    choices = [c for c in compared if c[1] in ('all', 'importance')]
    fit = [c for c in choices if needs(c) <= found.share]
    if not fit:
        found.unknown.append(
            f'Anything as small as {found.share:.2%}: the smallest share '
            f'that was measured is {min(map(needs, choices)):.2%}, so what '
            'this costs in accuracy is open.'
        )
    chosen = max(fit, key=worst) if fit else ('ScaleShift', 'importance')
    found.adapter, found.sites = chosen
    parts = [
        f'{part:.0%} on {run.data} (with {run.share:.2%}, {run.seeds} '
        f'seed{"s" if run.seeds > 1 else ""})'
        for run, part in compared[chosen]
    ]
    places = {'all': 'all sites', 'importance': 'the most important sites'}
    name = f'{chosen[0]} at {places[chosen[1]]}'
    if chosen == ('ScaleShift', 'all'):
        found.reasons.append(
            f'Adapter: ScaleShift at all sites fits into {found.share:.2%} '
            f'({needs(chosen):.2%}), and it is what everything else was '
            'compared with.'
        )
        return
    full = needs(('ScaleShift', 'all'))
    found.reasons.append(
        f'Adapter: ScaleShift at all sites has {full:.2%} of the network and '
        f'does not fit into {found.share:.2%}; of what does, {name} loses '
        f'least where it does worst. Of the gain of the former it kept '
        f'{", ".join(parts)} (docs/results/adapters.md).'
    )


def _choose_rows(found: Recommendation, modalities: int) -> None:
    """Say which rows, and take others where a method gains nothing."""
    if modalities == 2:
        found.reasons.append(
            'Rows: with two modalities table and additive are the same.'
        )
        return
    said = (
        'Rows: additive beats a table in the same steps, with every method '
        'that was tried both ways; hyper was ahead of additive by 0.5 '
        'points in 6 epochs (3 seeds) and 0.2 in 24 (1 seed), but stores '
        'twice as much and takes three times the rate. experts are between '
        'the two, and were not measured.'
    )
    if found.rows == 'hyper' and found.adapter != 'ScaleShift':
        found.rows = 'additive'
        said += f' With {found.adapter} hyper rows gained nothing of note.'
    found.reasons.append(said)


def _choose_start(
    found: Recommendation, runs: Sequence[Run], modalities: int
) -> None:
    """Choose start and teacher by what they gained in every comparison."""
    gains: dict[str, list[tuple[float, Run]]] = {}
    for run, default in against_default(runs):
        if run.start != 'identity':
            gain = run.score - default.score, run
            gains.setdefault(run.start, []).append(gain)
    words = {
        start: ' and '.join(
            f'{gain:+.2f} points on {r.data}' for gain, r in pairs
        )
        for start, pairs in gains.items()
    }
    longest = max(run.times for _, run in gains['moments'])
    if modalities > 2 and found.times <= longest:
        found.init = 'moments'
        found.reasons.append(
            f'Start: moments in closed form, which gave {words["moments"]} '
            'in runs as short as this one.'
        )
    else:
        found.reasons.append(
            f'Start: at the identity. Moments gave {words["moments"]} '
            'in runs of half the epochs of the base with four modalities; '
            'in others they were not measured.'
        )
    found.reasons.append(
        f'No teacher, {words["teacher"]}, and no learned fill, '
        f'{words["learned fill"]}: neither helps everywhere.'
    )


def _own_shares(cfg: Config) -> dict[str, float]:
    """Return what methods would add to this network at all of its sites."""
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    shares = {}
    for method in ('ScaleShift', 'Scale', 'Shift', 'NormTuning'):
        model = derive(cfg, 'base.pth').model
        model.adapter = {'type': method}
        try:
            network = MODELS.build(model)
        except ValueError:  # no site of that kind
            continue
        [(_, root)] = adapted(network)
        width = root.adapters.num_parameters
        shares[method] = width / count_base(network)
    return shares


def _read_analysis(
    found: Recommendation, folder: Path, cfg: Config | None
) -> None:
    """Say which sites an analysis would choose for this share.

    Raises:
        FileNotFoundError: the folder has no analysis.
        ValueError: a share of a network that no config names.
    """
    path = folder / 'analysis.json'
    if not path.is_file():
        raise FileNotFoundError(
            f'no {str(path)!r}; write it with mmseg-missing analyze'
        )
    sites = json.loads(path.read_text(encoding='utf-8'))['sites']
    if cfg is None:
        raise ValueError(
            f'the sites in {str(path)!r} need the size of their network; '
            'give its CONFIG as well'
        )
    whole = sum(site['numbers'] for site in sites)
    size = whole / _own_shares(cfg)['ScaleShift']
    chosen = fitting(
        [site['score'] for site in sites],
        [site['numbers'] for site in sites],
        int(found.share * size),
    )
    numbers = sum(sites[i]['numbers'] for i in chosen)
    total = sum(site['score'] for site in sites) or 1.0
    score = sum(sites[i]['score'] for i in chosen) / total
    best = sorted(sites, key=lambda site: -site['score'])[:3]
    found.reasons.append(
        f'Sites: by {folder}, {len(chosen)} of {len(sites)} sites fit '
        f'({numbers:,} numbers, {numbers / size:.2%}) and have {score:.0%} '
        f'of the importance of all; first of all '
        f'{", ".join(site["name"] for site in best)}.'
    )


def _say_unknown(found: Recommendation, modalities: int) -> None:
    """Say where the recommendation goes beyond the tables."""
    if found.sites == 'importance' and (
        found.rows == 'hyper' or found.times > 0.5
    ):
        found.unknown.append(
            'Sites by importance together with so long a run or hyper rows: '
            'they were measured over 5 and 6 epochs, with additive rows or '
            'a table.'
        )
    if found.adapter not in ('ScaleShift', None) and found.times > 0.5:
        found.unknown.append(
            f"{found.adapter} in runs longer than half of the base's epochs."
        )
    if modalities not in (2, 4):
        found.unknown.append(
            f'{modalities} modalities: the tables have two and four (and '
            'three in the demo, with the defaults).'
        )
    found.unknown.append(
        'Other networks than small CMNeXt and larger images; most of these '
        'comparisons have one seed.'
    )
