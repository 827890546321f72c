"""``python -m mmseg_missing VERB`` is ``mmseg-missing VERB``."""

from mmseg_missing.cli.main import main

if __name__ == '__main__':
    main()
