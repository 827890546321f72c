"""What came of a repair, in a table and in sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..comparison.render import markdown_table
from ..evaluation import Report
from ..evaluation.render import plain_table, share_text
from ..visualization.bar_chart import bar_chart

FILES = ('table.txt', 'table.md', 'chart.png')


def write_results(folder: Path, before: Report, after: Report) -> None:
    """Write the table, as text and Markdown, and the chart."""
    settings = replace(before, fill=fills(before, after)).settings
    note = f'{settings}, {before.combinations[0].images} images'
    text, page, chart = (folder / name for name in FILES)
    text.write_text(
        f'{note}\n{repair_table(before, after)}\n', encoding='utf-8'
    )
    page.write_text(
        f'{note}.\n\n{repair_table(before, after, True)}\n', encoding='utf-8'
    )
    series = {'base': before.miou, 'repaired': after.miou}
    figure = bar_chart(series, 'Before and after the repair', note)
    figure.savefig(chart, dpi=150)


def fills(before: Report, after: Report) -> str:
    """Name what stood in for absent modalities, before and after."""
    return ', then '.join(dict.fromkeys([before.fill, after.fill]))


def repair_table(before: Report, after: Report, markdown: bool = False) -> str:
    """Return a row per combination, and the means; as text or Markdown."""
    header, *rows = repair_rows(before, after)
    if markdown:
        return markdown_table([header, *rows])
    table = plain_table(header)
    table.add_rows(rows)
    return table.get_string()


def repair_rows(before: Report, after: Report) -> list[list[str]]:
    """Return a header, then mIoU in per cent before and after, and gains.

    ``won back`` is the gain as a share of what missing sensors cost.
    """
    count = len(before.miou)
    known = after.against(before)
    mean = f'mean of {count - 1} incomplete'
    shares = {**known.won_back, mean: known.mean_won_back}
    scores = [(n, was, after.miou[n]) for n, was in before.miou.items()]
    scores += [
        (mean, before.mean_missing, after.mean_missing),
        (f'mean of {count}', before.mean, after.mean),
    ]
    return [
        ['present', 'base', 'repaired', 'gain', 'won back'],
        *(
            [
                *(name, f'{was:.2f}', f'{now:.2f}', f'{now - was:+.2f}'),
                share_text(shares.get(name)),
            ]
            for name, was, now in scores
        ),
    ]


def verdict(before: Report, after: Report) -> str:
    """Say in sentences what the adapters won, and what they did not."""
    full, worst = before.full, before.worst
    was, now = before.miou[full], after.miou[full]
    nothing = f'{was:.2f} mIoU, as before'
    said = [
        f'With every sensor the network has '
        f'{nothing if was == now else f"{now:.2f} mIoU, before {was:.2f}"}.',
        f'Over the {len(before.miou) - 1} combinations that miss something '
        f'the mean went from {before.mean_missing:.2f} to '
        f'{after.mean_missing:.2f}; the worst was {worst} with '
        f'{before.miou[worst]:.2f} and has {after.miou[worst]:.2f} now.',
    ]
    lost = [
        f'{name} ({score:.2f} to {after.miou[name]:.2f})'
        for name, score in before.miou.items()
        if name != full and after.miou[name] < score
    ]
    if lost:
        said.append(
            f'Adapters made {", ".join(lost)} worse: give them more epochs, '
            'or leave these out of --combinations.'
        )
    return ' '.join(said)
