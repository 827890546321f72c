"""Videos, frame by frame."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


class Video:
    """A video file, which OpenCV decodes; frames in order are quick.

    Args:
        path: The file.

    Raises:
        ValueError: it cannot be read, or holds no frame.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._next = 0
        self._lock = threading.Lock()
        self._capture = cv2.VideoCapture(str(path))
        self._length = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not self._capture.isOpened() or self._length < 1:
            raise ValueError(
                f"video '{path}' cannot be read or holds no frame; convert it "
                'to AVI with MJPG, or give a folder of images'
            )

    def __len__(self) -> int:
        """Return the number of frames that the file says it has."""
        return self._length

    def read(self, index: int) -> np.ndarray:
        """Return a frame, (H, W, 3) uint8 in RGB order.

        Raises:
            ValueError: the file is damaged there.
        """
        with self._lock:
            if index < self._next:
                self._capture.set(cv2.CAP_PROP_POS_FRAMES, index)
                self._next = index
            is_there = True
            while is_there and self._next < index:
                is_there = self._capture.grab()
                self._next += 1
            picture = self._capture.read()[1] if is_there else None
            self._next += 1
        if picture is None:
            raise ValueError(
                f"video '{self.path}' says that it has {self._length} frames, "
                f'but frame {index} cannot be decoded; copy it again'
            )
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class VideoFrame:
    """One frame of a video, decoded when it is asked for."""

    video: Video
    index: int

    def read(self, channels: int) -> np.ndarray:
        """Return (H, W, channels) uint8; of one channel the grey values."""
        picture = self.video.read(self.index)
        return picture[..., :1] if channels == 1 else picture

    def __str__(self) -> str:
        """Return where it lies."""
        return f'{self.video.path}, frame {self.index}'
