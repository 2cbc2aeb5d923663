"""`octolith describe`: descriptors of any label image, without the workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from octolith import descriptors
from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.sampling import Sampler, Source, patch_edge
from octolith.errors import InputError, require_known
from octolith.files import atomic
from octolith.phases import OUTSIDE, Phases
from octolith.progress import track
from octolith.settings.steps import DESCRIPTORS
from octolith.volumes import ImageSet, Volume, open_images, open_volume, parse_reader
from octolith.volumes.volume import Source as OpenedFile

# What always applies; the others are asked for by name.
PLAIN = [
    name for name in DESCRIPTORS if name in descriptors.NAMES and name != "representative_size"
]


def describe(
    image: Annotated[str, typer.Argument(help="A file, a folder, or a quoted glob of slices.")],
    *,
    out: Annotated[Path, typer.Option(help="The CSV table to write.")],
    voxel_size: Annotated[
        float | None, typer.Option(help="Edge of a voxel, µm, where the file does not say it.")
    ] = None,
    descriptor: Annotated[
        list[str] | None, typer.Option(help="Which; may be given often. Without: most of them.")
    ] = None,
    phases: Annotated[
        str, typer.Option(help="Labels by name: '0=pore 1=quartz'. Without: as the file says.")
    ] = "",
    outside: Annotated[int | None, typer.Option(help="The label of what is not rock.")] = None,
    flat: Annotated[bool, typer.Option("--2d", help="2D images rather than a volume.")] = False,
    periodic: Annotated[bool, typer.Option(help="The image repeats at its faces.")] = False,
    patch_um: Annotated[
        float | None, typer.Option(help="Measure random patches of this edge, µm.")
    ] = None,
    patches: Annotated[int, typer.Option(min=1, help="With --patch-um: how many.")] = 16,
    seed: Annotated[int, typer.Option(help="With --patch-um: chooses them.")] = 0,
    reader: Annotated[
        str, typer.Option(help="What the file does not say: 'shape=200x100x100 dtype=uint8'.")
    ] = "",
) -> None:
    """Measure a label image and write one tidy table, distances in µm.

    Without --descriptor, what cannot be measured on the image is left out, and it says why.

    Example:

    `octolith describe rock.tif --voxel-size 3.5 --phases "0=pore 255=grain" --out rock.csv`

    A volume that does not fit into memory is measured by patches, which alone are read:

    `octolith describe huge.h5 --patch-um 200 --patches 32 --out huge.csv`
    """
    chosen = descriptor or PLAIN
    for name in chosen:
        require_known("--descriptor", name, descriptors.NAMES)
    data = _open(image, flat, voxel_size, reader)
    source = Source("image", 0, with_phases(data, phases, outside))
    if patch_um is not None:
        if periodic:
            raise InputError("--periodic", "patches", "a whole image", "No patch repeats itself.")
        edge = patch_edge([source], patch_um, max_voxels=0)
        parts = Sampler([source], edge, patches, seed).of(source)
    else:
        parts = iter(source.data.images if isinstance(source.data, ImageSet) else [source.data[:]])
    tables = []
    for patch, labels in enumerate(parts):
        micro = Microstructure.of(labels, source.voxel_um, source.phases, periodic)
        for name in track(chosen, f"patch {patch}"):
            table = _measured(name, micro, asked=descriptor is not None)
            tables.append(table.assign(image=Path(image).name, patch=patch))
    whole = pd.concat(tables, ignore_index=True)[["image", "patch", *descriptors.COLUMNS]]
    with atomic(out) as temporary:
        whole.to_csv(temporary, index=False, float_format="%.7g")
    typer.echo(f"{out}: {len(whole)} rows")


def _measured(name: str, micro: Microstructure, asked: bool) -> pd.DataFrame:
    """The table of a descriptor; empty, with a line why, where it has nothing to say."""
    try:
        table = descriptors.measure(
            name, micro.labels, micro.voxel_um, micro.phases, periodic=micro.periodic
        )
        if table.empty:
            typer.echo(f"{name}: no phase of this image has any.", err=True)
    except InputError as error:
        if asked:
            raise
        typer.echo(f"Left out: {error}", err=True)
        return pd.DataFrame(columns=descriptors.COLUMNS)
    return table


def _open(image: str, flat: bool, voxel_size: float | None, reader: str) -> Volume | ImageSet:
    if flat:
        return open_images(image, voxel_size)
    sizes = None if voxel_size is None else (voxel_size,) * 3
    return open_volume(image, **parse_reader(reader, "--reader"), voxel_size_um=sizes)


def with_phases(data: Volume | ImageSet, names: str, outside: int | None) -> Volume | ImageSet:
    """The same image with label codes 0, 1, … in place of its own labels.

    Parameters
    ----------
    names : '0=pore 255=grain'; empty: those of the file.
    outside : the label of what is not rock.

    Raises
    ------
    InputError : names that cannot be read, or none at all.
    """
    if not names:
        if data.phases is None:
            raise InputError("--phases", "no names, and none in the file", "LABEL=NAME of each "
                             "label", "Write, say, --phases '0=pore 1=grain'.")  # fmt: skip
        if outside is not None:
            raise InputError("--outside", f"{outside} without --phases", "the names of the others "
                             "too", "Write, say, --phases '0=pore 1=grain'.")  # fmt: skip
        return data
    labels = _labels(names)
    phases = Phases.of(list(labels.values()), next(iter(labels.values())))
    table = {label: code for code, label in enumerate(labels)}
    if outside in labels:
        raise InputError("--outside", f"{outside}, the label of {labels[outside]}",
                         "a label that is no phase")  # fmt: skip
    if outside is not None:
        table[outside] = OUTSIDE
    if isinstance(data, ImageSet):
        images = [_mapped(plane, table) for plane in data.images]
        return replace(data, images=images, phases=phases)
    source = OpenedFile(_Mapped(data, table), data.format, data.voxel_size_um, phases,
                        close=data.close)  # fmt: skip
    return Volume(data.path, source)


def _labels(names: str) -> dict[int, str]:
    found = {}
    for word in names.split():
        label, equals, name = word.partition("=")
        if not (equals and name and label.lstrip("-").isdigit()):
            raise InputError("--phases", repr(word), "LABEL=NAME", "Write, say, 0=pore.")
        if int(label) in found:
            raise InputError("--phases", f"the label {label} twice", "a name for each label")
        found[int(label)] = name
    return found


class _Mapped:
    """A volume whose labels are replaced as they are read."""

    def __init__(self, volume: Volume, table: Mapping[int, int]) -> None:
        self._volume, self._table = volume, table
        self.shape, self.dtype = volume.shape, np.dtype(np.uint8)

    def __getitem__(self, index: Any) -> np.ndarray:
        return _mapped(self._volume[index], self._table)


def _mapped(values: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    if values.dtype.kind not in "bui":
        raise InputError("labels", f"values of type {values.dtype}", "whole numbers", "Segment it.")
    codes = np.empty(values.shape, dtype=np.uint8)
    known = np.zeros(values.shape, dtype=bool)
    for label, code in table.items():
        here = values == label
        codes[here] = code
        known |= here
    if not known.all():
        found = np.unique(values[~known])[:8].tolist()
        raise InputError("--phases", f"the labels {found} in the image, too", "a name for each",
                         "Name them, or say which is --outside.")  # fmt: skip
    return codes
