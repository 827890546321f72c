"""A data set of one's own: any modalities, in folders or in a manifest."""

import difflib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg.registry import DATASETS

from mmseg_missing.values import flag

from .classes import checked_classes
from .formats import format_dicts
from .listing import folder_rows
from .manifest import LABEL, Row, manifest_rows
from .multi_modal import MultiModalDataset
from .options import modality_names, text

LABEL_KEYS = ('folder', 'suffix', 'classes')


@DATASETS.register_module()
class FolderDataset(MultiModalDataset):
    """Any modalities, one file each per sample, and one label.

    In folders, a file is ``<folder>/<name><suffix>`` below ``data_root``; a
    name may hold folders itself (``berlin/0001``). In a manifest, a sample is
    a row of paths, see :func:`manifest_rows`. Labels are class indices in 8
    bits and one channel, 255 = ignore.

    Files may be absent where the pipeline's ``LoadModalities`` has
    ``absent_file='missing'``.

    Args:
        modalities: names in stack order, or the config's list of dicts.
        data_root: folder of the data set; beside a manifest it is where paths
            begin (default: the manifest's folder).
        names: of the samples; or a list file below ``data_root``, one name
            per line; default: all that the label folder holds (without
            labels: all that the modalities' folders hold), sorted.
        manifest: a .csv or .json file, below ``data_root`` if that is given.
        split: takes the rows whose column ``split`` says so; default: all.
        formats: per modality, and for ``label``, where the files are and how
            they are stored, ``dict(folder='ir', suffix='_ir.png',
            dtype='uint16', scale=0.01, offset=-273.15)``; defaults: folder =
            name, '.png', 'uint8', 1, 0. For a manifest folder and suffix mean
            nothing. None instead of a dict: these samples lack the modality,
            as after its sensor died. A label has ``folder``, ``suffix`` and
            ``classes``, all classes of its files in the order of their
            indices, where ``metainfo`` takes some of them.
        labelled: False leaves the labels aside, as if there were none.
        metainfo: ``dict(classes=(...), palette=[...])``, the palette one RGB
            colour per class (default: PASCAL VOC's); without ``classes`` of
            the label, the classes are those of the files.
        **kwargs: of ``BaseSegDataset``: ``pipeline``, ``test_mode``,
            ``reduce_zero_label``, ``backend_args``, ...

    Raises:
        FileNotFoundError: a folder, list or manifest is not there.
        ValueError: keys that contradict each other, no sample, or names that
            fit no file.
    """

    def __init__(
        self,
        modalities: Sequence[str | Mapping],
        data_root: str | None = None,
        names: Sequence[str] | str | None = None,
        manifest: str | None = None,
        split: str | None = None,
        formats: Mapping[str, Mapping[str, Any] | None] | None = None,
        labelled: bool = True,
        metainfo: Mapping[str, Any] | None = None,
        **kwargs,
    ) -> None:
        _check_source(data_root, names, manifest, split)
        flag('labelled', labelled)
        kinds = [*modality_names(modalities), *([LABEL] if labelled else [])]
        formats = format_dicts(formats)
        known = _file_classes(formats.get(LABEL), metainfo, labelled)
        dead = {name for name, form in formats.items() if form is None}
        formats = _completed(kinds, formats)
        there = {k: form for k, form in formats.items() if k not in dead}
        backend_args = kwargs.get('backend_args')
        if manifest is None:
            self.rows = folder_rows(data_root, there, names, backend_args)
        else:
            self.rows = manifest_rows(
                manifest, data_root, list(there), split, backend_args
            )
        source = names if isinstance(names, str) else manifest
        super().__init__(
            data_root=data_root,
            modalities=modalities,
            names=range(len(self.rows)),
            formats=formats,
            label_folder=None,
            known=known,
            metainfo=metainfo,
            split=split or source or 'all',
            **kwargs,
        )

    def _other_classes(self) -> str:
        return (
            ', and all classes of the files into `formats=dict(label=dict('
            'classes=(...)))` where `metainfo.classes` takes some of them'
        )

    def load_data_list(self) -> list[dict]:
        """Return one dict per sample; a row may lack its label."""
        samples = super().load_data_list()
        for sample in samples:
            sample['labelled'] = sample['seg_map_path'] is not None
        return samples

    def _paths(self, name: int) -> Row:
        """Return the paths of a row, which is named by its number."""
        return {kind: self.rows[name].get(kind) for kind in self.formats}

    def _label_path(self, name: int) -> str | None:
        return self.rows[name].get(LABEL)


def _check_source(
    data_root: str | None, names: Any, manifest: str | None, split: str | None
) -> None:
    given = {'data_root': data_root, 'manifest': manifest, 'split': split}
    if names is not None and isinstance(names, (str, Path)):
        given['names'] = names
    for key, value in given.items():
        if value is not None:
            text(key, value)
    if manifest is None and (data_root is None or split is not None):
        raise ValueError(
            'FolderDataset needs `data_root` (and `names`, a list file of the '
            'split), or a `manifest` (and `split`, which picks its rows); got '
            f'data_root={data_root!r}, split={split!r} and no manifest'
        )
    if manifest is not None and names is not None:
        raise ValueError(
            'FolderDataset takes its samples from `names` or from a '
            f'`manifest`, got both ({manifest!r}); leave one out'
        )


def _completed(
    kinds: Sequence[str], formats: Mapping[str, Mapping | None]
) -> dict[str, dict]:
    """Return a format for each of ``kinds``, defaults filled in."""
    beyond = [k for k in formats.get(LABEL) or () if k not in LABEL_KEYS]
    if beyond:
        raise ValueError(
            f'`formats` of the label takes {list(LABEL_KEYS)}, got also '
            f'{beyond}; labels are 8-bit class indices'
        )
    _warn_of_misspelt(kinds, formats)
    completed = {
        kind: {'folder': kind, 'suffix': '.png', **(formats.get(kind) or {})}
        for kind in kinds
    }
    for kind, form in completed.items():
        if isinstance(form['folder'], (list, tuple)):
            raise ValueError(
                f"'{kind}' of FolderDataset lies in one folder, got "
                f'{form["folder"]!r}; make each folder a modality'
            )
        text(f'formats.{kind}.folder', form['folder'])
        text(f'formats.{kind}.suffix', form['suffix'], may_be_empty=True)
    return completed


def _warn_of_misspelt(kinds: Sequence[str], formats: Mapping) -> None:
    """Warn of a format that seems to be meant for one of ``kinds``.

    Others may stand there: a dedicated network leaves modalities out.
    """
    without = [kind for kind in kinds if kind not in formats]
    for name in formats:
        close = difflib.get_close_matches(str(name), without, 1)
        if name not in kinds and close:
            warnings.warn(
                f'`formats` has {name!r}, which is no modality here, and '
                f'nothing for {close[0]!r}; is that what was meant?',
                stacklevel=4,
            )


def _file_classes(
    form: Mapping[str, Any] | None, metainfo: Any, labelled: bool
) -> dict[str, Any] | None:
    """Return the classes of the label files; None: those of ``metainfo``."""
    if form and form.get('classes') is not None:
        key = 'formats.label.classes'
        return {'classes': checked_classes(key, form['classes'])}
    if labelled and not (
        isinstance(metainfo, Mapping) and metainfo.get('classes')
    ):
        raise ValueError(
            'FolderDataset does not know what the labels mean; give '
            "`metainfo=dict(classes=('road', ...))`, in the order of their "
            'indices'
        )
    return None
