"""What data sets with one file per modality share."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.datasets import BaseSegDataset

from mmseg_missing.remote import located

from .absence import Absence
from .classes import chosen_metainfo, label_map
from .formats import checked_formats
from .options import check_base_options, check_columns, check_pipeline
from .pipeline import complete_pipeline
from .transforms.file_format import VALUE_KEYS
from .transforms.loading import LoadLabel


class MultiModalDataset(BaseSegDataset):
    """A list of names; each names one file per modality and one label.

    Data sets with a published layout inherit it; a config for files of one's
    own takes ``FolderDataset``.

    A format says where and how a modality is stored:
    ``dict(folder='Depth', suffix='.png', dtype='uint16', scale=0.001)``. The
    value in its unit is ``raw * scale + offset`` (defaults: dtype 'uint8',
    scale 1, offset 0). ``channels=[3]`` takes these channels of the file
    (default: all), so one file may hold several modalities; of a list of
    folders the files' channels are stacked. ``transforms/file_format.py``
    has all keys.

    Args:
        data_root: folder of the data set.
        modalities: names in stack order, or the config's list of dicts.
        names: file names without folder and suffix, one per sample.
        formats: a format per modality that the data set knows.
        label_folder: folder of the label files, ``<name>.png``; None where
            there are none: a teacher can learn from such images. To train on
            both, join data sets by ``dict(type='ConcatDataset',
            datasets=[...], ignore_keys=['split'])``.
        pipeline: steps; those that take ``modalities`` get the data set's.
        split: what the metainfo, and so a report, calls these samples.
        known: ``classes`` and ``palette`` of the label files; default: those
            of ``metainfo``.
        metainfo: ``dict(classes=(...))`` takes these classes, in this order;
            pixels of the others are ignored, as in MMSegmentation.
        absence: ``dict(depth=0.3, seed=0)``: this share of the samples lacks
            a modality for good, see
            :class:`~mmseg_missing.datasets.absence.Absence`.
        **kwargs: of ``BaseSegDataset``: ``test_mode``, ``seg_map_suffix``
            (of label files), ``backend_args`` (of MMEngine's file backend,
            for lists, files and labels), ...

    Raises:
        ValueError: a wrong format, or a ``LoadLabel`` for other classes.
    """

    label_channel: int | None = None  # of label files that have several
    columns: tuple[int, int] | None = None  # first that is read, and the end

    def __init__(
        self,
        data_root: str,
        modalities: Sequence[str | Mapping],
        names: Sequence[str],
        formats: Mapping[str, Mapping[str, Any]],
        label_folder: str | None,
        pipeline: Sequence[Any] = (),
        split: str = 'all',
        known: Mapping[str, Any] | None = None,
        metainfo: Mapping[str, Any] | None = None,
        absence: Mapping[str, float] | None = None,
        **kwargs,
    ) -> None:
        owner = type(self).__name__
        self.names = list(names)
        check_base_options(owner, kwargs, len(self.names))
        check_columns(self.columns)
        check_pipeline(pipeline)
        metainfo = chosen_metainfo(owner, metainfo, known)
        self.file_classes = (known or metainfo)['classes']
        self.formats = checked_formats(modalities, formats)
        self.label_folder = label_folder
        self.absence = Absence(absence, modalities)
        backend_args = kwargs.get('backend_args')
        pipeline = complete_pipeline(pipeline, modalities, backend_args)
        super().__init__(
            data_root=data_root,
            pipeline=pipeline,
            metainfo=metainfo,
            data_prefix={},  # which not every backend could join
            **kwargs,
        )
        # MMEngine takes a string among the given metainfo for a file.
        self._metainfo['split'] = split
        self._check_classes()

    def get_label_map(
        self, new_classes: Sequence[str] | None = None
    ) -> dict[int, int] | None:
        """Return the new index of each class of the files, or None.

        MMSegmentation asks the class, but here a data set's options may say
        which classes its files have.
        """
        return label_map(self.file_classes, new_classes or ())

    def _check_classes(self) -> None:
        """Refuse a pipeline that lets labels without a class pass."""
        count = len(self.file_classes)
        for step in self.pipeline.transforms:
            if not isinstance(step, LoadLabel) or not count:
                continue
            if step.num_classes != count:
                raise ValueError(
                    f'LoadLabel has num_classes={step.num_classes}, but the '
                    f'labels of {type(self).__name__} have {count} classes; '
                    f'write the same number into both{self._other_classes()}'
                )

    def _other_classes(self) -> str:
        return ''

    def load_data_list(self) -> list[dict]:
        """Return one dict per sample, paths and file formats included."""
        formats = {
            modality: {key: form[key] for key in VALUE_KEYS if key in form}
            for modality, form in self.formats.items()
        }
        samples = [(name, *self._gaps(name)) for name in self.names]
        return [
            {
                'modality_paths': paths,
                'absent': absent,
                'modality_formats': formats,
                'seg_map_path': self._label_path(name),
                'labelled': self.label_folder is not None,
                'label_channel': self.label_channel,
                'columns': self.columns,
                'label_map': self.label_map,
                'reduce_zero_label': self.reduce_zero_label,
                'seg_fields': [],
            }
            for name, paths, absent in samples
            if absent is not None
        ]

    def _gaps(
        self, name: Any
    ) -> tuple[dict[str, Any], tuple[str, ...] | None]:
        """Return the paths of a sample, None where absent, and what is so."""
        paths = self._paths(name)
        recorded = [m for m, path in paths.items() if path]
        absent = self.absence.of(name, recorded)
        return {**paths, **dict.fromkeys(absent or ())}, absent

    def _label_path(self, name: str) -> str | None:
        if self.label_folder is None:
            return None
        return self._file(self.label_folder, name + self.seg_map_suffix)

    def _paths(self, name: str) -> dict[str, str | list[str]]:
        return {
            modality: self._file(form['folder'], name + form['suffix'])
            for modality, form in self.formats.items()
        }

    def _file(self, folder: str | Sequence[str], file: str) -> Any:
        if isinstance(folder, str):
            root = located(self.data_root, self.backend_args)
            return str(root / folder / file)
        return [self._file(f, file) for f in folder]
