"""Super-resolve one group of blocks: LR labels and weights -> a file of octrees."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import torch

from octolith.errors import InputError
from octolith.files import atomic
from octolith.inference import check_labels, groups, grow, write_blocks
from octolith.networks import weights
from octolith.phases import Phases
from octolith.progress import track
from octolith.settings.steps import SuperResolveSettings
from octolith.training import distributed
from octolith.volumes import open_volume
from octolith.volumes.disk import full_disk_named

log = logging.getLogger(__name__)


def superresolve(
    labels: str | Path,
    trained: str | Path,
    out: str | Path,
    *,
    group: int,
    settings: SuperResolveSettings,
    phases: Phases,
    stages: int,
    seed: int,
    threads: int = 1,
) -> None:
    """Grow the blocks of group number ``group`` and write them whole or not at all.

    Beside ``out`` (``….h5``) it writes ``….csv``: nodes, dense and mixed, per block and stage,
    and how many were computed, which is those and the halo's.

    Parameters
    ----------
    labels : LR phases (HDF5). trained : weights of the last stage.
    seed : of the noise; the same for every block of a realisation.

    Raises
    ------
    InputError : weights for other phases or another scale, unknown labels, no such group.
    OctolithError : a full disk.
    """
    torch.set_num_threads(threads)
    generator, header = weights.load_generator(trained, phases, stages)
    if header.stage != stages:
        raise InputError(trained, f"weights of stage {header.stage}", f"of the last, {stages}")
    generator.to(distributed.device())
    rows = []
    with open_volume(labels) as volume:
        jobs = groups(volume.shape, settings.block, settings.blocks_per_job)
        if not 0 <= group < len(jobs):
            raise InputError("group", group, f"0 to {len(jobs) - 1}")
        if volume.voxel_size_um is None:
            raise InputError(
                labels, "no voxel size", "one", "Give lr_voxel_um in the sample sheet."
            )
        total = sum(map(len, jobs))
        with write_blocks(out, phases, volume.voxel_size_um, stages, total) as writer:
            for cut in track(jobs[group], "blocks"):
                check_labels(volume[cut.region()], phases, labels)
                growth = grow(generator, volume, cut, seed, temperature=settings.temperature)
                writer.add(cut, growth.octree)
                counts = zip(growth.octree.counts(), growth.computed, strict=True)
                for stage, (kept, n) in enumerate(counts, 1):
                    rows.append({"block": cut.index, "stage": stage, **kept, "computed": n})
    table = pd.DataFrame(rows)
    nodes, computed = table["nodes"].sum(), table["computed"].sum()
    log.info("%d nodes, %d computed with halos: %.2f times", nodes, computed, computed / nodes)
    counts_csv = Path(out).with_suffix(".csv")
    with full_disk_named(counts_csv), atomic(counts_csv) as temporary:
        table.to_csv(temporary, index=False)
