"""Build of the distribution `mmseg-missing`."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
MIM = ('configs', 'tools', 'model-index.yml')
TOOLS = [
    'ftfy',
    'h5py',
    'imagecodecs>=2025.3.30',
    'jinja2',
    'matplotlib',
    'pillow',
    'regex',
    'scipy',
    'tifffile>=2025.5.10',
]
TEST = ['pytest>=8', 'pytest-xdist>=3', 'setuptools>=77']

EXTRAS = {
    'onedl': [
        'onedl-mmengine>=0.10.12',
        'onedl-mmcv>=2.3.6',
        'onedl-mmsegmentation>=1.4.2',
        *TOOLS,
    ],
    'openmmlab': [
        'mmengine==0.10.7',
        'mmcv>=2.1,<2.2',
        'mmsegmentation==1.2.2',
        'setuptools<81',
        *TOOLS,
    ],
    'test': TEST,
    'export': ['onnx>=1.17', 'onnxruntime>=1.20'],
    'tensorboard': ['tensorboard>=2.15'],
    'wandb': ['wandb>=0.16'],
    'page': ['gradio>=6.31'],
    'peft': [*TEST, 'peft>=0.17'],
    'dev': [*TEST, 'codespell', 'mypy', 'pre-commit', 'ruff'],
}


class BuildWithMim(build_py):
    """Adds configs and tools as `mmseg_missing/.mim`, where mim looks.

    They are copied into the build folder only: the source tree stays as it
    is, and an editable installation, which has them at its root, is left out.
    """

    def run(self):
        super().run()
        if not self.editable_mode:
            self._copy_mim(Path(self.build_lib, 'mmseg_missing', '.mim'))

    def _copy_mim(self, target):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for source in filter(Path.exists, (ROOT / name for name in MIM)):
            if source.is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '.*')
                shutil.copytree(source, target / source.name, ignore=ignore)
            else:
                shutil.copy(source, target)


def read_version():
    text = (ROOT / 'mmseg_missing' / 'version.py').read_text()
    return re.search(r"__version__ = '(.+)'", text).group(1)


setup(
    name='mmseg-missing',
    version=read_version(),
    description='Adapters for multi-modal segmentation with missing sensors',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    keywords='semantic segmentation, multi-modal, missing modality, adapters',
    classifiers=[
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        *(f'Programming Language :: Python :: 3.{n}' for n in range(10, 14)),
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    python_requires='>=3.10',
    packages=find_packages(include=['mmseg_missing', 'mmseg_missing.*']),
    package_data={
        'mmseg_missing': ['py.typed', 'zoo/*'],
        'mmseg_missing.reporting': ['*.html'],
    },
    py_modules=['mmseg_missing_command'],
    entry_points={
        'console_scripts': ['mmseg-missing=mmseg_missing_command:main']
    },
    install_requires=['numpy', 'safetensors>=0.4', 'torch>=2.1'],
    extras_require=EXTRAS,
    cmdclass={'build_py': BuildWithMim},
    zip_safe=False,
)
