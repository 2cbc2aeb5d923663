"""The sample sheet: one row a rock."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from octolith.errors import InputError
from octolith.settings.base import Settings, read_text
from octolith.settings.config import Config
from octolith.volumes.slices import matching


class Sample(Settings):
    """A rock: its 3D image, its 2D images, and how to read them."""

    sample: str = Field(description="Name: letters, digits, '.', '_' and '-'.")
    lr: str = Field(description="The low-resolution 3D image: a file or a folder of slices.")
    lr_voxel_um: float | None = Field(None, gt=0, description="Empty: as the file says.")
    lr_segmentation: str = Field(description="A name under 'segmentations'.")
    lr_reader: str = Field(
        "", description="What the file does not say: 'shape=200x100x100 dtype=uint16 order=little'."
    )
    lr_crop: str = Field("", description="'z0:z1,y0:y1,x0:x1' in voxels; empty: all.")
    hr: str = Field(description="The 2D images: paths or globs, separated by ';'.")
    hr_voxel_um: float | None = Field(None, gt=0, description="Empty: as the files say.")
    hr_segmentation: str
    hr_axes: str = Field(
        "", description="Of an anisotropic rock: for each pattern of 'hr', the axes that its "
        "images are perpendicular to: 'z;y;x', or 'z;yx' where y and x are alike. Their rows and "
        "columns are along the other two axes, in the order z, y, x. Empty: all serve all axes."
    )  # fmt: skip
    hr_test: str = Field(
        "", description="More such images, which training never sees: the report holds SR against "
        "these instead of 'hr'. Pixel size and segmentation are those of 'hr'."
    )  # fmt: skip
    truth: str = Field("", description="Where it is known: the HR labels of the same volume.")
    truth_segmentation: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.sample):
            raise InputError(
                "sample", repr(self.sample), "letters, digits, '.', '_' and '-'", "Rename it."
            )
        across = [_ordered(axes) for axes in _split(self.hr_axes)]
        once = sorted("".join(set(across))) == ["x", "y", "z"]
        if across and not (once and len(across) == len(_split(self.hr))):
            raise InputError(
                "hr_axes", repr(self.hr_axes), f"axes for each of {self.hr!r}, each in one set",
                "Such as 'z;y;x', or 'z;yx' where one set of images serves two axes.",
            )  # fmt: skip
        return self

    def hr_files(self) -> list[str]:
        """The files of the 2D images: in the order of the patterns, sorted within each.

        Raises
        ------
        InputError : a pattern that matches no file.
        """
        return list(_files(self.sample, "hr", self.hr))

    def hr_test_files(self) -> list[str]:
        """The files of the 2D images that are kept from training, if any.

        Raises
        ------
        InputError : a pattern that matches no file, or one that is among `hr_files`.
        """
        found = list(_files(self.sample, "hr_test", self.hr_test))
        learnt = {Path(file).resolve() for file in self.hr_files()} if found else set()
        seen = [file for file in found if Path(file).resolve() in learnt]
        if seen:
            raise InputError(
                f"sample {self.sample!r}: hr_test", f"{seen[0]}, which 'hr' has too",
                "images that training never sees", "Take it out of one of them.",
            )  # fmt: skip
        return found

    @property
    def reference(self) -> str:
        """The column of the images that SR is held against."""
        return "hr_test" if _split(self.hr_test) else "hr"

    def hr_file_axes(self) -> list[str] | None:
        """For each of `hr_files` the axes that it is perpendicular to; None: not said."""
        across = [_ordered(axes) for axes in _split(self.hr_axes)]
        numbers = _files(self.sample, "hr", self.hr).values()
        return [across[number] for number in numbers] if across else None


def _files(sample: str, column: str, cell: str) -> dict[str, int]:
    """The files of a cell's patterns, and the number of the first pattern that each matches."""
    found: dict[str, int] = {}
    for number, pattern in enumerate(_split(cell)):
        files = sorted(map(str, matching(pattern)))
        if not files:
            raise InputError(
                f"sample {sample!r}: {column}", f"no file that matches {pattern!r}",
                "at least one", "Paths start from where snakemake is run.",
            )  # fmt: skip
        for file in files:
            found.setdefault(file, number)
    return found


def _ordered(axes: str) -> str:
    """Axes in the order z, y, x."""
    return "".join(sorted(axes, key="zyx".find))


def _split(cell: str) -> list[str]:
    """The parts of a cell between ';'."""
    return [part for part in map(str.strip, cell.split(";")) if part]


def read_samples(path: str | Path, config: Config) -> dict[str, Sample]:
    """Read the sheet (tab-separated, '#' starts a comment) and check it against ``config``.

    Raises
    ------
    InputError : unreadable sheet, unknown or missing column, a name used twice, an unknown
        segmentation. The line is named.
    """
    path = Path(path)
    lines = read_text(path, "a readable sample sheet").splitlines()
    numbered = [(n, ln) for n, ln in enumerate(lines, 1) if ln.strip() and not ln.startswith("#")]
    if len(numbered) < 2:
        raise InputError(path, "no samples", "a header and a row for each rock")
    header, *rows = csv.reader([line for _, line in numbered], delimiter="\t")
    if len(header) == 1:
        found = f"one column, {header[0]!r}"
        raise InputError(path, found, "columns apart by tabs", "Separate by tabs, not by spaces.")
    samples: dict[str, Sample] = {}
    for (number, _), row in zip(numbered[1:], rows, strict=True):
        where = f"{path}, line {number}"
        if len(row) > len(header):
            raise InputError(where, f"{len(row)} cells", f"{len(header)}", "Separate by tabs.")
        cells = {key: cell.strip() for key, cell in zip(header, row, strict=False)}
        sample = Sample.read({k: v for k, v in cells.items() if v}, where)
        if sample.sample in samples:
            raise InputError(where, f"the sample {sample.sample!r} again", "each name once")
        for field in ("lr_segmentation", "hr_segmentation", "truth_segmentation"):
            name = getattr(sample, field)
            unused = field == "truth_segmentation" and not (name or sample.truth)
            if name not in config.segmentations and not unused:
                raise InputError(
                    f"{where}: {field}", repr(name), f"one of {sorted(config.segmentations)}"
                )
        recipe = config.segmentations[sample.hr_segmentation]
        lost = [name for name in config.phases if name not in recipe.makes]
        if recipe.makes and lost:
            raise InputError(
                f"{where}: hr_segmentation", f"{sample.hr_segmentation!r}, which makes no {lost}",
                "every phase of the rock: what no 2D image shows cannot be learned",
                f"Say how they show it, or take {' and '.join(lost)} out of `phases`.",
            )  # fmt: skip
        samples[sample.sample] = sample
    return samples
