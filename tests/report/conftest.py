"""A whole chain on a tiny phantom, made once: what the report is made of."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from octolith import inference
from octolith.layout import Layout
from octolith.phantom import load_recipe, write_phantom
from octolith.settings import Config, Sample, load, read_samples
from octolith.steps.describe import compare, describe
from octolith.steps.ingest import ingest
from octolith.steps.pyramid import pyramid
from octolith.steps.segment import segment, segment_images
from octolith.steps.smooth import smooth
from octolith.steps.stitch import stitch
from octolith.steps.superresolve import superresolve
from octolith.steps.train import train
from octolith.volumes import open_volume

TRAIN = {
    "lr_cube": 8,
    "generator": {"widths": [[8, 8], [8, 8], [6, 6]]},
    "critic": {"widths": [8, 8, 6], "trunk": []},
    "all": {"epochs": 2, "iterations": 3, "planes": 4, "check_every": 1, "fade_epochs": 1},
}
DESCRIBE = {
    "patches": 4,
    "descriptors": ["volume_fraction", "interfacial_area", "two_point_correlation"],
}


def make_rock(
    folder: Path, size: int = 24, image_size: int = 96, **changes: object
) -> tuple[Config, Sample]:
    """Run the chain on a phantom of ``size``³ voxels, as the workflow would."""
    write_phantom(folder / "rock", load_recipe("berea-like"), size=size, scale=4, images=3,
                  image_size=image_size)  # fmt: skip
    recipe = yaml.safe_load((folder / "rock" / "segmentation.yaml").read_text("utf-8"))
    config = load(
        {
            "samples": str(folder / "rock" / "samples.tsv"),
            "results": str(folder / "results"),
            "scale": 4,
            "gpu": False,
            "train": TRAIN,
            "superresolve": {"block": size // 2, "realisations": 2},
            "describe": DESCRIBE,
            **recipe,
            **changes,
        }
    )
    [sample] = read_samples(config.samples, config).values()
    run_chain(config, sample)
    return config, sample


def run_chain(config: Config, sample: Sample) -> None:
    at, phases, stages = Layout(config.results, sample.sample), config.rock, config.stages
    ways = config.segmentations
    ingest(sample, at.image("lr"))
    ingest(sample.model_copy(update={"lr": sample.truth}), at.image("truth"))
    for name, way in (("lr", sample.lr_segmentation), ("truth", sample.truth_segmentation)):
        segment(at.image(name), at.labels(name), ways[way], phases, at.figure("segment", name))
    segment_images(
        sample.hr_files(), at.hr_labels, ways[sample.hr_segmentation], phases,
        pixel_um_target=1.0,
    )  # fmt: skip
    for stage in range(1, stages + 1):
        pyramid(
            at.hr_labels, at.pyramid(stage), stage=stage, stages=stages, settings=config.pyramid
        )
        previous = at.weights(stage - 1) if stage > 1 else None
        train(
            at.lr_labels, at.pyramid(stage), previous, at.weights(stage),
            stage=stage, stages=stages, settings=config.train.only(stage), phases=phases,
            seed=config.seed,
        )  # fmt: skip
    settings = config.superresolve
    with open_volume(at.lr_labels) as volume:
        jobs = inference.groups(volume.shape, settings.block, settings.blocks_per_job)
    for realisation in range(settings.realisations):
        files = [at.block_group(realisation, group) for group in range(len(jobs))]
        for group, out in enumerate(files):
            superresolve(
                at.lr_labels, at.weights(stages), out, group=group, settings=settings,
                phases=phases, stages=stages, seed=config.seed + realisation,
            )  # fmt: skip
        stitch(files, at.stitched(realisation))
        smooth(at.stitched(realisation), at.sr_labels(realisation), config.smooth)
    for name in config.describe.descriptors:
        describe(
            name, lr=at.lr_labels, sr=[at.sr_labels(r) for r in range(settings.realisations)],
            hr=at.hr_labels, truth=at.truth_labels, out_csv=at.descriptor(name),
            settings=config.describe,
        )  # fmt: skip
    compare([at.descriptor(name) for name in config.describe.descriptors], at.comparison)


@pytest.fixture(scope="session")
def rock(tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, Sample]:
    """Configuration and sample of a finished run; its results must not be changed."""
    return make_rock(tmp_path_factory.mktemp("report"))
