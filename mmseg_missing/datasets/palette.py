"""A colour per class where a data set brings none."""


def voc_palette(num_classes: int) -> list[tuple[int, int, int]]:
    """Return the PASCAL VOC colours for classes 1..num_classes.

    The bits of the class number go to the high bits of red, green and blue
    in turn; neighbouring numbers get distant colours. Black (number 0) is
    left free for what is not labelled.
    """
    return [_voc_color(index) for index in range(1, num_classes + 1)]


def _voc_color(index: int) -> tuple[int, int, int]:
    color = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            color[channel] |= (index >> channel & 1) << (7 - bit)
        index >>= 3
    return tuple(color)
