"""The command ``mmseg-missing``: one file per verb."""
