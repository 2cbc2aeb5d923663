"""The step `smooth`: a label volume through the iterative median filter."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from octolith.filtering import smooth_slabs
from octolith.settings.steps import SmoothSettings
from octolith.slabs import phases_of, read_label_slabs, voxel_size_of, write_slabs
from octolith.volumes import create_volume, open_volume

log = logging.getLogger(__name__)


def smooth(
    source: str | Path, out: str | Path, settings: SmoothSettings, threads: int = 1
) -> list[float]:
    """Filter a label volume of any size and write the result.

    Parameters
    ----------
    source : the label volume (HDF5), with its phases.
    out : the HDF5 file to be; its provenance keeps the settings and the number of passes.
    settings : the branch ``smooth`` of the configuration.
    threads : that compress.

    Returns
    -------
    the share of voxels that each pass has changed.

    Raises
    ------
    InputError : a volume without phases, or with labels that are none of them.
    """
    if settings.until == 0 or settings.method == "none":
        return _stream(source, out, settings, threads, [])
    out = Path(out)
    one_pass = settings.model_copy(update={"passes": 1})
    shares: list[float] = []
    # Whether a pass was the last is known only when all of it is done: each goes to disk, under
    # a name that the next run overwrites if this one is killed.
    turns = [out.with_name(f".{out.stem}.pass{number}{out.suffix}") for number in range(2)]
    try:
        while len(shares) < settings.passes:
            target = turns[len(shares) % 2]
            shares = _stream(source, target, one_pass, threads, shares)
            source = target
            if shares[-1] <= settings.until:
                break
        Path(source).replace(out)
    finally:
        for left in turns:
            left.unlink(missing_ok=True)
    return shares


def _stream(
    source: str | Path, out: str | Path, settings: SmoothSettings, threads: int,
    before: list[float],
) -> list[float]:  # fmt: skip
    """Every pass of ``settings`` in one reading; returns the shares of ``before`` and of these."""
    with open_volume(source) as volume:
        phases = phases_of(volume)
        labels = read_label_slabs(volume, f"smooth, pass {len(before) + 1}")
        done = settings.model_dump() | {"passes": len(before) + settings.passes}
        slabs, changes = smooth_slabs(labels, len(phases), settings)
        with create_volume(
            out, volume.shape, np.uint8, voxel_size_of(volume), phases=phases,
            provenance=volume.provenance | {"smooth": done}, threads=threads,
        ) as writer:  # fmt: skip
            write_slabs(writer, slabs)
    for number, of_pass in enumerate(changes, len(before) + 1):
        log.info("smooth: pass %d changed %.2f %% of the voxels", number, 100 * of_pass.share)
    return before + [of_pass.share for of_pass in changes]
