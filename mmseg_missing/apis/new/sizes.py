"""How large and how long a training on some images of one's own is."""

STRIDE = 32  # of the networks; a side is a multiple of it
LEAST_SIDE = 64
# Pixels of an image in training: what two cores, or a GPU, do in minutes.
PIXELS_CPU, PIXELS_GPU = 96 * 128, 480 * 640
BATCH_SIZE = 8
ITERATIONS = 1500
EPOCHS = 10, 200


def size_in_training(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """Return (height, width) for a network, of about the files' shape.

    >>> size_in_training((480, 640), PIXELS_CPU)
    (96, 128)
    >>> size_in_training((50, 70), PIXELS_CPU)
    (64, 64)
    """
    factor = min(1.0, (pixels / (size[0] * size[1])) ** 0.5)
    height, width = (
        max(LEAST_SIDE, round(side * factor / STRIDE) * STRIDE)
        for side in size
    )
    return height, width


def batch_size_of(samples: int) -> int:
    """Return a batch size that leaves some batches to an epoch."""
    return max(1, min(BATCH_SIZE, samples // 4))


def epochs_of(samples: int) -> int:
    """Return the number of epochs that make about 1500 iterations.

    >>> epochs_of(48), epochs_of(795), epochs_of(10000)
    (200, 15, 10)
    """
    batches = -(-samples // batch_size_of(samples))
    least, most = EPOCHS
    return max(least, min(most, round(ITERATIONS / batches)))
