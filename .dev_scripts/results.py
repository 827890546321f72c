"""Write what is made of configs/results.yml: python .dev_scripts/results.py.

That is the second line of each config, the metafiles, model-index.yml and
the tables of docs/model_zoo.md. ``--check`` writes nothing and names the
files that differ, with exit code 1.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).parents[1]
TABLE = 'configs/results.yml'
RELEASE = 'configs/release.yml'
INDEX = 'mmseg_missing/zoo/index.json'
ZOO = 'docs/model_zoo.md'
NOT_RUN = 'not run yet'
NAME = re.compile(
    r'(.+?)(?:-(?:ssf|predicted|recover|imputer|dropout|hybrid)[a-z-]*)?'
    r'_\d+xb\d+-(\d+)e_'
)
HEAD = (
    '| config | network | modalities | parameters | adapters, each '
    'combination | mIoU, all | mIoU, missing | published |\n'
    '|---|---|---|---|---|---|---|---|\n'
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--check', action='store_true', help='name what differs, write nothing'
    )
    is_check = parser.parse_args().check
    changed = {n: text for n, text in outputs().items() if read(n) != text}
    for name, text in changed.items():
        print(name)
        if not is_check:
            (TOP / name).write_text(text, encoding='utf-8')
    if is_check and changed:
        sys.exit(f'these differ from {TABLE}; run `make results`')


def read(name: str) -> str:
    """Return the text of a file, empty where there is none."""
    path = TOP / name
    return path.read_text('utf-8') if path.is_file() else ''


def outputs() -> dict[str, str]:
    """Return the text of every file that is made of the table."""
    collections = yaml.safe_load(read(TABLE))['collections']
    listed = list(entries())
    texts = {entry['config']: _config(entry) for entry in listed}
    for folder, collection in collections.items():
        texts[f'configs/{folder}/metafile.yml'] = _metafile(
            collection, [e for e in listed if e['folder'] == folder]
        )
    index = {'Import': [name for name in texts if name.endswith('.yml')]}
    texts['model-index.yml'] = yaml.safe_dump(index)
    texts[ZOO] = _zoo(listed)
    return texts


def entries() -> Iterator[dict[str, Any]]:
    """Yield the configs in the order of the zoo, with what sections share."""
    table = yaml.safe_load(read(TABLE))
    for section in table['sections']:
        shared = {key: section[key] for key in ('title', 'data', 'modalities')}
        for key, said in section['configs'].items():
            folder, name = key.split('/')
            network, epochs = NAME.match(name).groups()
            yield {
                **shared,
                'config': f'configs/{key}.py',
                'folder': folder,
                'name': name,
                'network': table['networks'][network],
                'own_epochs': int(epochs),
                **said,
            }


def _config(entry: dict[str, Any]) -> str:
    """Return a config with its result in the second line."""
    first, rest = read(entry['config']).split('\n', 1)
    if rest.startswith('# Result: '):
        rest = rest.split('\n', 1)[1]
    return f'{first}\n# Result: {_result(entry)}\n{rest}'


def _result(entry: dict[str, Any]) -> str:
    if 'miou' not in entry:
        return NOT_RUN
    figures = ', '.join(
        f'{value:.2f} ({of})' if of else f'{value:.2f}'
        for of, value in _scores(entry).items()
    )
    if 'recovered' in entry:
        figures += f', recovered {entry["recovered"]:.2f}'
    if 'epochs' in entry:
        figures += f' with {entry["epochs"]} epochs'
    note = f' {entry["note"]}' if 'note' in entry else ''
    return f'mIoU {figures}{note}; {entry["page"]}'


def _scores(entry: dict[str, Any]) -> dict[str, float]:
    """Return mIoU by what is present; one number is of all there is."""
    miou = entry['miou']
    return miou if isinstance(miou, dict) else {'': miou}


def _metafile(collection: dict, entries: list[dict]) -> str:
    models = [_model(e, collection) for e in sorted(entries, key=_by_name)]
    content = {'Collections': [collection], 'Models': models}
    return yaml.safe_dump(content, sort_keys=False, width=1000)


def _by_name(entry: dict[str, Any]) -> str:
    return entry['name']


def _weights(config: str) -> str | None:
    """Return where the weights or adapters of a config lie, if they do."""
    base_url = yaml.safe_load(read(RELEASE))['base_url']
    for network in json.loads(read(INDEX))['networks'].values():
        adapter = network.get('adapter', {})
        for name, file in (
            (network['config'], network['base']),
            (adapter.get('config'), adapter),
        ):
            if base_url and name == config:
                return f'{base_url.rstrip("/")}/{file["file"]}'
    return None


def _model(entry: dict[str, Any], collection: dict) -> dict[str, Any]:
    model = {
        'Name': entry['name'],
        'In Collection': collection['Name'],
        'Config': entry['config'],
        'Metadata': {
            'Training Data': entry['data'],
            'Epochs': entry['own_epochs'],
            'Parameters': entry['parameters'],
        },
    }
    if 'adapters' in entry:
        model['Metadata']['Adapter Parameters'] = entry['adapters']
    if (weights := _weights(entry['name'])) is not None:
        model['Weights'] = weights
    # What other epochs gave is not the config's.
    if 'miou' in entry and 'epochs' not in entry:
        metrics = {
            f'mIoU ({of})' if of else 'mIoU': value
            for of, value in _scores(entry).items()
        }
        result = {'Task': 'Semantic Segmentation', 'Dataset': entry['data']}
        model['Results'] = [{**result, 'Metrics': metrics}]
    return model


def _zoo(entries: list[dict]) -> str:
    """Return the page: its own head, then a table per section."""
    parts = [read(ZOO).partition('\n## ')[0].rstrip() + '\n']
    for title, section in groupby(entries, lambda entry: entry['title']):
        parts.append(f'## {title}\n\n{HEAD}{"".join(map(_row, section))}')
    return '\n'.join(parts)


def _row(entry: dict[str, Any]) -> str:
    parameters, adapters = entry['parameters'], entry.get('adapters')
    share = (
        f'{adapters:,} ({100 * adapters / parameters:.2f} %)'
        if adapters
        else ''
    )
    cells = [
        f'[{entry["name"]}](../{entry["config"]})',
        entry['network'],
        entry['modalities'],
        f'{parameters:,}',
        share,
        *_measured(entry),
        entry.get('published', ''),
    ]
    return f'| {" | ".join(cells)} |\n'


def _measured(entry: dict[str, Any]) -> tuple[str, str]:
    """Return the cells of all that is there, and of what is missing."""
    if 'miou' not in entry:
        return NOT_RUN, NOT_RUN
    (_, whole), *others = _scores(entry).items()
    epochs = f' (with {entry["epochs"]} epochs)' if 'epochs' in entry else ''
    return f'{whole:.2f}{epochs}', ', '.join(
        f'{value:.2f} ({of})' if of.startswith('mean') else f'{of} {value:.2f}'
        for of, value in others
    )


if __name__ == '__main__':
    main()
