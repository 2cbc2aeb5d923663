"""The step `describe`: one descriptor of all images of a sample, and what came closer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from octolith import descriptors
from octolith.descriptors.comparison import DENSITIES, compare_tables, read_table
from octolith.descriptors.likeness import (
    FEWEST,
    frechet_distance,
    sections,
    similarity,
    texture_features,
    to_grid,
)
from octolith.descriptors.registry import rows
from octolith.descriptors.sampling import Sampler, Source, patch_edge, whole
from octolith.errors import InputError, require_known
from octolith.files import atomic
from octolith.progress import track
from octolith.settings.steps import DescribeSettings
from octolith.volumes import open_volume, read_images

NUMBERS = "%.7g"

Options = dict[str, Any]
Piece = tuple[Source, int, pd.DataFrame]


def describe(
    name: str,
    *,
    lr: str | Path,
    sr: Sequence[str | Path],
    hr: str | Path,
    out_csv: str | Path,
    settings: DescribeSettings,
    truth: str | Path | None = None,
    seed: int = 0,
) -> None:
    """Measure one descriptor on patches of equal physical size of every image.

    Parameters
    ----------
    name : one of `octolith.descriptors.NAMES` or ``PAIRED``.
    lr, truth : label volumes; the truth only where there is one.
    sr : label volumes, one a realisation.
    hr : a set of 2D label images.
    out_csv : the table to be: columns ``image``, ``realisation``, ``patch`` and those of
        `octolith.descriptors.COLUMNS`.
    settings : how many patches, how large, and the descriptors' options.
    seed : chooses the patches; the same for every descriptor and in all volumes.

    Raises
    ------
    InputError : an image that cannot be read or is smaller than a patch, an unknown descriptor
        or option.
    """
    require_known("descriptor", name, descriptors.NAMES + descriptors.PAIRED)
    with ExitStack() as stack:
        volumes = [("LR", 0, lr), *(("SR", number, path) for number, path in enumerate(sr))]
        volumes += [("truth", 0, truth)] if truth else []
        sources = [
            Source(image, number, stack.enter_context(open_volume(path)))
            for image, number, path in volumes
        ]
        sources.append(Source("HR", 0, read_images(hr)))
        table = pd.concat(_measured(name, sources, settings, seed), ignore_index=True)
    with atomic(out_csv) as temporary:
        table.to_csv(temporary, index=False, float_format=NUMBERS)


def compare(tables: Sequence[str | Path], out_csv: str | Path, seed: int = 0) -> None:
    """Write how far LR and SR are from HR, and from the truth, in every descriptor.

    Parameters
    ----------
    tables : what `describe` wrote, one a descriptor.
    out_csv : the table to be; its columns are those of
        `octolith.descriptors.comparison.compare_tables`.
    seed : of the bootstrap.

    Raises
    ------
    InputError : a file that is missing or no descriptor table.
    """
    table = compare_tables([read_table(path) for path in tables], seed)
    with atomic(out_csv) as temporary:
        table.to_csv(temporary, index=False, float_format=NUMBERS)


def thinned(table: pd.DataFrame, points: int) -> pd.DataFrame:
    """Keep at most ``points`` distances of each curve: the first half of them, then ever fewer.

    Densities stay whole, because their points add up to one, and so do distributions given by
    their quantiles, which are no distances.
    """
    keys = ["descriptor", "phase", "other", "direction"]
    groups = table.groupby(keys)["distance_um"]
    rank, length = groups.cumcount().to_numpy(), groups.transform("size").to_numpy()
    one = table["descriptor"].isin(DENSITIES) | table["quantile"].notna()
    keep = (length <= points) | one.to_numpy()
    for size in np.unique(length[~keep]):
        dense = np.arange(points // 2)
        sparse = np.geomspace(points // 2, size - 1, points - points // 2)
        keep |= (length == size) & np.isin(rank, np.rint([*dense, *sparse]))
    return table[keep]


def _measured(
    name: str, sources: Sequence[Source], settings: DescribeSettings, seed: int
) -> Iterator[pd.DataFrame]:
    """The table of each patch."""
    options = settings.options.get(name, {})
    descriptors.check_options(name, options)
    edge = patch_edge(sources, settings.patch_um, settings.max_voxels)
    sampler = Sampler(sources, edge, settings.patches, seed)
    if name == "similarity":
        pieces = _similarity(sources, sampler, options)
    elif name == "frechet_distance":
        pieces = _frechet_distance(sources, sampler)
    else:
        pieces = _alone(name, sources, sampler, settings.max_voxels, options)
    for source, patch, table in track(pieces, name):
        own = thinned(table, settings.points)
        where: dict[str, Any] = {"image": source.image, "realisation": source.realisation}
        yield own.assign(**where, patch=patch)[[*where, "patch", *descriptors.COLUMNS]]


def _alone(
    name: str, sources: Sequence[Source], sampler: Sampler, max_voxels: int, options: Options
) -> Iterator[Piece]:
    """A descriptor of single images, on every patch or, if that is its point, on whole images."""
    for source in sources:
        wanted = whole(source, max_voxels) if name in descriptors.WHOLE else sampler.of(source)
        for patch, labels in enumerate(wanted):
            args = (labels, source.voxel_um, source.phases)
            yield source, patch, descriptors.measure(name, *args, **options)


def _similarity(sources: Sequence[Source], sampler: Sampler, options: Options) -> Iterator[Piece]:
    """SSIM and PSNR of LR and SR against the truth at the same places."""
    truth = next((source for source in sources if source.image == "truth"), None)
    if truth is None:
        raise InputError("similarity", "no truth", "the true volume of this sample",
                         "Take it out of describe.descriptors.")  # fmt: skip
    for source in sources:
        if source.image in ("LR", "SR"):
            pairs = zip(sampler.of(source), sampler.of(truth), strict=True)
            for patch, (labels, true) in enumerate(pairs):
                fine = to_grid(labels, true.shape)
                yield source, patch, similarity(fine, true, truth.voxel_um, truth.phases, **options)


def _frechet_distance(sources: Sequence[Source], sampler: Sampler) -> Iterator[Piece]:
    """How far sections are from HR's and the truth's, and their one half from the other."""
    finest = min(min(source.voxel_um) for source in sources)
    pixels = round(sampler.edge_um / finest)

    def features(source: Source) -> list[np.ndarray]:
        # Every volume is cut along three axes: three times as many 2D images make it even.
        return [
            texture_features(to_grid(section, (pixels, pixels)), len(source.phases))
            for patch in sampler.of(source, times=3)
            for section in sections(patch)
        ]

    for reference in (source for source in sources if source.image in ("HR", "truth")):
        target = features(reference)
        name = f"frechet_to_{reference.image}"
        if len(target) >= 2 * FEWEST:  # one place of the truth has three
            yield reference, 0, rows(name, frechet_distance(target[::2], target[1::2]), "1")
        for source in sources:
            if source.image in ("LR", "SR"):
                yield source, 0, rows(name, frechet_distance(features(source), target), "1")
