"""Volumes on disk: one lazily read type over every file format, and one way to write them.

>>> import numpy as np, tempfile
>>> from pathlib import Path
>>> path = Path(tempfile.mkdtemp()) / "rock.h5"
>>> write_volume(path, np.zeros((4, 5, 6), np.uint8), (3.5, 3.5, 3.5))
>>> with open_volume(path) as volume:
...     volume.shape, volume.voxel_size_um, volume[1:3, :, 0].shape
((4, 5, 6), (3.5, 3.5, 3.5), (2, 5))
"""

from octolith.phases import OUTSIDE
from octolith.volumes.disk import new_hdf5
from octolith.volumes.hdf5 import create_volume, write_volume
from octolith.volumes.images import ImageSet, open_images, read_images, write_images
from octolith.volumes.opening import open_volume
from octolith.volumes.options import parse_crop, parse_reader
from octolith.volumes.volume import Volume

__all__ = [
    "OUTSIDE",
    "ImageSet",
    "Volume",
    "create_volume",
    "new_hdf5",
    "open_images",
    "open_volume",
    "parse_crop",
    "parse_reader",
    "read_images",
    "write_images",
    "write_volume",
]
