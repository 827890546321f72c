"""What decoders say of a file; the one who knows its path says which."""

TRUNCATED = 'is truncated; copy or download it again'
DAMAGED = 'is damaged; copy or download it again'


class Unreadable(ValueError):
    """The file cannot be read as it is stored; the text tells why.

    The text continues ``file '...'`` and ends with the remedy.
    """
