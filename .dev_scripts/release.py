"""Build a release of finished runs: python .dev_scripts/release.py work_dirs.

Writes weights, adapters, model cards and checksums into ``release``, and what
belongs to the package into ``mmseg_missing/zoo``. configs/release.yml says
which runs.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mmseg_missing import __version__
from mmseg_missing.adapters import annotate_adapter, fingerprint
from mmseg_missing.apis.model import init_model, load_config
from mmseg_missing.apis.stages import score_stage
from mmseg_missing.apis.zoo import INDEX, SHIPPED
from mmseg_missing.engine import find_checkpoint
from mmseg_missing.engine.checkpoints import read_checkpoint
from mmseg_missing.engine.weights import write_weights
from mmseg_missing.evaluation import Cost, Report
from mmseg_missing.startup.config_files import find_config

TOP = Path(__file__).parents[1]
TABLE = 'configs/release.yml'
ADAPTER = 'adapter.safetensors'
REPORTS = ('after', 'report', 'test')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('runs', type=Path, help='folder of finished runs')
    parser.add_argument('--out', type=Path, default=TOP / 'release')
    parser.add_argument(
        '--zoo', type=Path, default=SHIPPED, help='of the package'
    )
    parser.add_argument(
        '--score', action='store_true', help='score what is released, too'
    )
    parser.add_argument(
        '--no-wheel', action='store_true', help='build no distribution'
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    args.zoo.mkdir(parents=True, exist_ok=True)
    table = yaml.safe_load((TOP / TABLE).read_text('utf-8'))
    index = _index_of(args.zoo)
    for name, said in table['networks'].items():
        found = _folders(args.runs, said)
        if found is None:
            print(f'{name}: no run of {said["config"]} in {args.runs}')
            continue
        index[name] = Release(name, said, args.out, *found).build(args.score)
        print(f'{name}: {index[name]["base"]["file"]}')
    index = {name: index[name] for name in table['networks'] if name in index}
    content = {'base_url': table['base_url'], 'networks': index}
    (args.zoo / INDEX).write_text(
        json.dumps(content, indent=1) + '\n', encoding='utf-8'
    )
    _ship(table['networks'], index, args.out, args.zoo)
    if not args.no_wheel:
        _distribute(args.out)
    shutil.copy(args.zoo / INDEX, args.out)
    _sum_up(args.out)


def _index_of(zoo: Path) -> dict[str, Any]:
    path = zoo / INDEX
    return (
        json.loads(path.read_text(encoding='utf-8'))['networks']
        if path.is_file()
        else {}
    )


def _folders(
    runs: Path, said: Mapping[str, str]
) -> tuple[Path, Path | None] | None:
    """Return the run of a base and that of its adapters."""
    base = _folder(runs, said.get('base', said['config']))
    if base is None:
        return None
    repaired = said.get('adapter', f'{said["config"]}-repaired')
    return base, _folder(runs, repaired, ADAPTER)


def _folder(runs: Path, name: str, holding: str = '.') -> Path | None:
    for path in (runs / name, *sorted(runs.glob(f'*/{name}'))):
        if (path / holding).exists():
            return path
    return None


class Release:
    """One network: its files, and its card.

    Args:
        name: Name of the network.
        said: What configs/release.yml says of it.
        out: Folder of the release.
        base: Run of the base.
        repaired: Run of its adapters.
    """

    def __init__(
        self,
        name: str,
        said: Mapping[str, Any],
        out: Path,
        base: Path,
        repaired: Path | None,
    ) -> None:
        self.name, self.said, self.out = name, said, out
        self.base, self.repaired = base, repaired
        self.config = find_config(said['config'])

    def build(self, is_scored: bool) -> dict[str, Any]:
        """Write the files and the card; return what the index says."""
        entry: dict[str, Any] = {'config': self.said['config']}
        checkpoint = self._write_base()
        entry['base'] = _entry(checkpoint)
        adapter = self._write_adapter(checkpoint)
        if adapter:
            entry['adapter'] = _entry(adapter)
            if 'adapters' in self.said:
                entry['adapter']['config'] = self.said['adapters']
        reports = {
            'base, as trained': _report(self.base, self.repaired, 'before'),
            'adapted, as trained': _report(self.repaired, self.base),
        }
        if is_scored:
            reports |= self._scored(checkpoint, adapter)
        reports = {key: r for key, r in reports.items() if r is not None}
        card = self._card(entry, reports)
        (self.out / f'{self.name}.md').write_text(card, encoding='utf-8')
        return entry

    def _write_base(self) -> Path:
        found = read_checkpoint(find_checkpoint(self.base))
        meta = {
            'dataset_meta': _plain(found['meta'].get('dataset_meta') or {}),
            'config': self.said['config'],
            'mmseg_missing_version': __version__,
        }
        path = self.out / f'{self.name}-base.safetensors'
        write_weights(path, found['state_dict'], meta)
        return _named_by_content(path)

    def _write_adapter(self, checkpoint: Path) -> Path | None:
        """Let the file name the base whose numbers were rounded."""
        if self.repaired is None:
            return None
        given = self.repaired / ADAPTER
        # It has to belong to the base before it may to the rounded one.
        init_model(self.config, find_checkpoint(self.base), given)
        path = self.out / f'{self.name}-adapter.safetensors'
        shutil.copy(given, path)
        base = fingerprint(init_model(self.config, checkpoint))
        annotate_adapter(path, {'base': base})
        path = _named_by_content(path)
        init_model(self.config, checkpoint, path)
        return path

    def _scored(
        self, checkpoint: Path, adapter: Path | None
    ) -> dict[str, Report]:
        """Return the scores of what is released."""
        cfg, folder = load_config(self.config), self.out / 'scores' / self.name
        found = {'base': (checkpoint, None), 'adapted': (checkpoint, adapter)}
        return {
            f'{key}, released': score_stage(
                cfg, files[0], folder / key, f'score the {key}', files[1]
            )
            for key, files in found.items()
            if key == 'base' or adapter
        }

    def _card(
        self, entry: Mapping[str, Any], reports: Mapping[str, Report]
    ) -> str:
        """Return the model card, made of config, costs and reports."""
        cfg = load_config(self.config)
        files = [entry['base'], *filter(None, [entry.get('adapter')])]
        parts = [
            f'# {self.name}\n\n{self.said["about"]}\n',
            f'Licence: {self.said["licence"].strip()}.\n',
            '```python\nfrom mmseg_missing.apis import MultiModalInferencer\n'
            f"\nsegment = MultiModalInferencer.from_zoo('{self.name}')\n```\n",
            '## Files\n\n| file | bytes | sha256 |\n|---|---|---|',
            *(
                f'| {file["file"]} | {file["bytes"]:,} | {file["sha256"]} |'
                for file in files
            ),
            '\nMatrices of the base are stored in half precision.\n',
            '## Recipe\n',
            *_recipe('base', cfg, self.base),
            *(
                _recipe('adapters', None, self.repaired)
                if len(files) > 1
                else ()
            ),
            *_scores(reports),
        ]
        return '\n'.join(parts) + '\n'


def _recipe(what: str, cfg: Any, run: Path) -> list[str]:
    """Return what is known of a training, a line each."""
    lines = []
    if cfg is not None:
        data = cfg.train_dataloader.dataset
        lines.append(f'- data: `{data.type}`, {_wanted(data)}')
    costs = sorted(run.rglob('cost.json'))
    if not costs:
        return [*lines, f'- {what}: no training, or none that was noted']
    cost = Cost.from_json(costs[-1].read_text(encoding='utf-8'))
    return [
        *lines,
        f'- {what}: config `{cost.config}`, seed {cost.seed}, '
        f'{cost.iterations:,} steps in {cost.seconds:.0f} s on '
        f'{cost.device}; {cost.trained_parameters:,} of '
        f'{cost.total_parameters:,} numbers were trained',
    ]


def _wanted(data: Mapping[str, Any]) -> str:
    names = [m['name'] for m in data['modalities']]
    return f'modalities {"+".join(names)}'


def _scores(reports: Mapping[str, Report]) -> list[str]:
    if not reports:
        return ['\nNo scores were found beside the run.']
    first = next(iter(reports.values()))
    names = list(first.miou)
    rows = [
        [
            name,
            *(
                f'{r.miou.get(name, float("nan")):.2f}'
                for r in reports.values()
            ),
        ]
        for name in names
    ]
    mean = [f'{report.mean_missing:.2f}' for report in reports.values()]
    head = ['present', *reports]
    return [
        f'\n## Scores\n\nmIoU (%) by the rule `{first.rule}`, split '
        f'{first.split}, {first.combinations[0].images} images.\n',
        f'| {" | ".join(head)} |',
        f'|{"---|" * len(head)}',
        *(f'| {" | ".join(row)} |' for row in rows),
        f'| mean of those that miss something | {" | ".join(mean)} |',
    ]


def _report(
    run: Path | None, other: Path | None, first: str = ''
) -> Report | None:
    """Return the report that lies in a run, or beside its repair."""
    places = [run / name for name in REPORTS] if run else []
    if first and other:
        places.insert(0, other / first)
    for place in places:
        if (place / 'report.json').is_file():
            return Report.from_json(
                (place / 'report.json').read_text(encoding='utf-8')
            )
    return None


def _plain(meta: Any) -> Any:
    """Return what JSON can hold."""
    return json.loads(json.dumps(meta, default=list))


def _named_by_content(path: Path) -> Path:
    """Return the file with the beginning of its sha256 in its name."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.replace(
        path.with_name(f'{path.stem}-{digest[:8]}{path.suffix}')
    )


def _entry(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {'file': path.name, 'bytes': len(content), 'sha256': digest}


def _ship(
    said: Mapping[str, Any], index: Mapping[str, Any], out: Path, zoo: Path
) -> None:
    """Copy what belongs to the package, and drop what does so no more."""
    files = {
        entry[part]['file']
        for name, entry in index.items()
        if said[name].get('shipped')
        for part in ('base', 'adapter')
        if part in entry
    }
    for path in zoo.glob('*.safetensors'):
        if path.name not in files:
            path.unlink()
    for file in files:
        if (out / file).is_file():
            shutil.copy(out / file, zoo)


def _distribute(out: Path) -> None:
    """Build the source archive, and the wheel from it."""
    code = (
        'from setuptools import build_meta as b; '
        f'print(b.build_sdist({str(out)!r}))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=TOP, check=True, capture_output=True
    )
    archive = out / done.stdout.decode().split()[-1]
    command = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps']
    command += ['--no-build-isolation', '-w', out, archive]
    subprocess.run(command, check=True)


def _sum_up(out: Path) -> None:
    """Write the checksum of each file, as `sha256sum -c` reads them."""
    lines = [
        f'{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n'
        for path in sorted(out.iterdir())
        if path.is_file() and path.name != 'SHA256SUMS'
    ]
    (out / 'SHA256SUMS').write_text(''.join(lines), encoding='utf-8')


if __name__ == '__main__':
    main()
