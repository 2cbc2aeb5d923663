"""The checked input of every descriptor: labels, how large a voxel is, and what the labels mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.slabs import count_codes
from octolith.volumes import OUTSIDE


@dataclass(frozen=True)
class Microstructure:
    """A label image, ready to be measured.

    Parameters
    ----------
    labels : (z, y, x) or (y, x) uint8 label codes; `OUTSIDE` marks what is not rock.
    voxel_um : edges of a voxel in µm, in the order of the axes.
    phases : what the codes mean.
    periodic : whether the image continues at its opposite face; otherwise nothing is assumed of
        what lies beyond it, and only what is wholly inside is counted.
    """

    labels: np.ndarray
    voxel_um: tuple[float, ...]
    phases: Phases
    periodic: bool = False

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        voxel_size_um: float | Sequence[float],
        phases: Phases,
        periodic: bool = False,
    ) -> Microstructure:
        """Check what a user gives.

        Raises
        ------
        InputError : not 2D or 3D, no voxel, no whole numbers, a code without a phase, no voxel
            in the rock, a voxel size that is not positive or not one for each axis.
        """
        labels = np.asarray(labels)
        if labels.ndim not in (2, 3):
            raise InputError("labels", f"{labels.ndim} dimensions", "2 (y, x) or 3 (z, y, x)")
        if labels.size == 0:
            raise InputError("labels", f"an empty image {labels.shape}", "at least one voxel")
        if labels.dtype.kind not in "bui":
            raise InputError("labels", f"values of type {labels.dtype}", "whole label codes")
        if labels.dtype != np.uint8:
            if labels.dtype.kind != "b" and (labels.min() < 0 or labels.max() > OUTSIDE):
                found = f"values from {labels.min()} to {labels.max()}"
                raise InputError("labels", found, f"codes from 0 to {OUTSIDE}")
            labels = labels.astype(np.uint8)
        sizes = np.atleast_1d(np.asarray(voxel_size_um, dtype=float))
        if sizes.size not in (1, labels.ndim):
            found = f"{sizes.size} edges for {labels.ndim} axes"
            raise InputError("voxel size", found, "one number, or one for each axis")
        if not (np.isfinite(sizes).all() and (sizes > 0).all()):
            raise InputError("voxel size", sizes.tolist(), "positive numbers of µm")
        voxel_um = tuple(float(size) for size in np.broadcast_to(sizes, labels.ndim))
        micro = cls(labels, voxel_um, phases, periodic)
        micro._check_codes()
        return micro

    def _check_codes(self) -> None:
        unknown = np.flatnonzero(self.histogram[len(self.phases) : OUTSIDE]) + len(self.phases)
        if unknown.size:
            raise InputError(
                "labels", f"the codes {unknown.tolist()}",
                f"0 to {len(self.phases) - 1} ({', '.join(self.phases.names)}), or {OUTSIDE} "
                "outside the rock", "Map the labels to phases, or name more phases.",
            )  # fmt: skip
        if not self.voxels:
            raise InputError("labels", "no voxel in the rock", "at least one")

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return self.labels.ndim

    @property
    def directions(self) -> tuple[str, ...]:
        """The name of each axis: (z, y, x) or (y, x)."""
        return ("z", "y", "x")[-self.ndim :]

    @cached_property
    def histogram(self) -> np.ndarray:
        """(256,) voxels of each code."""
        return count_codes(self.labels)

    @property
    def counts(self) -> np.ndarray:
        """(K,) voxels of each phase."""
        return self.histogram[: len(self.phases)]

    @property
    def voxels(self) -> int:
        """Voxels in the rock."""
        return int(self.counts.sum())

    @property
    def fractions(self) -> np.ndarray:
        """(K,) volume fraction of each phase."""
        return self.counts / self.voxels

    @property
    def masked(self) -> bool:
        """Whether some voxels are not rock."""
        return bool(self.histogram[OUTSIDE])

    @cached_property
    def codes(self) -> np.ndarray:
        """The labels, with K outside the rock: no code is above the number of phases."""
        return np.minimum(self.labels, len(self.phases)) if self.masked else self.labels

    @property
    def inside(self) -> np.ndarray:
        """True in the rock."""
        return self.labels != OUTSIDE

    @property
    def names(self) -> Iterator[tuple[int, str]]:
        """Code and name of every phase."""
        return iter(enumerate(self.phases.names))

    def lags(self, max_lag_um: float | None, share: float = 0.5) -> tuple[int, ...]:
        """The largest lag along each axis, in voxels, that ``max_lag_um`` allows.

        None means a ``share`` of the shortest edge (of those longer than a voxel).

        Raises
        ------
        InputError : a lag that is not positive, or longer than an edge of the image allows.
        """
        edges = [n * h for n, h in zip(self.labels.shape, self.voxel_um, strict=True) if n > 1]
        if max_lag_um is None:
            max_lag_um = min(edges, default=0.0) * share
        else:
            steps = zip(self.labels.shape, self.voxel_um, strict=True)
            room = [((n - 1) // 2 if self.periodic else n - 1) * h for n, h in steps if n > 1]
            longest = min(room, default=0.0)
            if not 0 < max_lag_um <= longest * (1 + 1e-9):
                raise InputError(
                    "max_lag_um", f"{max_lag_um:g} µm",
                    f"more than 0 and at most {longest:g} µm, "
                    f"{'less than half ' if self.periodic else ''}the image's shortest edge",
                    "Shorten the lag.",
                )  # fmt: skip
        return tuple(
            min(int(max_lag_um / h * (1 + 1e-9)), (n - 1) // 2 if self.periodic else n - 1)
            for n, h in zip(self.labels.shape, self.voxel_um, strict=True)
        )

    def require_3d(self, what: str) -> None:
        """InputError unless the image is a volume."""
        if self.ndim != 3:
            raise InputError(what, "a 2D image", "a volume (z, y, x)", "It is undefined in 2D.")
