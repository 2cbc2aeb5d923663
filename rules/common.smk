"""What the rules share: the checked configuration, paths, values and resources."""

import json
import re
import shlex
from functools import cache
from math import ceil, prod
from pathlib import Path

from pydantic import TypeAdapter

from octolith.blocks import groups as cut_into_groups
from octolith.errors import InputError
from octolith.layout import Layout, index
from octolith.planning import (
    TRAIN_MINUTES,
    check_sample,
    export_memory,
    export_seconds,
    mixed_shares,
    smooth_memory,
    smooth_seconds,
    train_memory,
    volume_header,
    workload,
)
from octolith.pores.subvolumes import Place, most_um
from octolith.provenance import SPEAKING, Fingerprints, source_digest
from octolith.settings import Sample, load, read_samples
from octolith.settings.steps import EXPORT_SUFFIXES
from octolith.settings.training import APART
from octolith.slabs import THICKNESS
from octolith.volumes.slices import matching


def checked(function, *arguments):
    """Call ``function``; what is wrong with the input is one line, and nothing runs."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"octolith: {error}")


def plain(path, what):
    """Refuse a name that Snakemake would hand to a cluster's shell as more than a name.

    The rules quote all that they are given; but Snakemake names its folders and the images in the
    command that it submits, in quotes that do not hold.

    Raises
    ------
    InputError : a quote, `$`, a backslash, a brace or a line break in a path.
    """
    if set(str(path)) & set("'\"`$\\{}\n"):
        expected = "none of ' \" ` $ \\ { } and no line break: a cluster's shell would read them"
        raise InputError(what, repr(str(path)), expected, "Rename it.")


CONFIG = checked(load, config)
checked(plain, CONFIG.results, "results")
checked(plain, Path.cwd(), "the folder that snakemake is run in")
checked(plain, workflow.basedir, "the folder of the workflow")
for file in workflow.configfiles:
    checked(plain, file, "the name of a configuration file")
SAMPLES = checked(read_samples, CONFIG.samples, CONFIG)
STAGES = range(1, CONFIG.stages + 1)
REALISATIONS = range(CONFIG.superresolve.realisations)
RUN = Layout(CONFIG.results, "{sample}")
FINGERPRINTS = Fingerprints(f"{CONFIG.results}/.fingerprints.json")

ENVIRONMENT = f"{workflow.basedir}/envs/octolith.yaml"
# In every shell command, `step NAME ...` runs a step of the library that lies beside this file,
# and `ranks RANKS NODES THREADS NAME ...` in several processes.
SCRIPTS = shlex.quote(f"{workflow.basedir}/workflow/scripts")
# Without `gpu` the steps see none, and several may run beside each other.
GPUS = "" if CONFIG.gpu else "export CUDA_VISIBLE_DEVICES=; "
shell.prefix(
    f'{GPUS}step() {{{{ python {SCRIPTS}/step.py "$@"; }}}}; '
    f'ranks() {{{{ {SCRIPTS}/ranks.sh "$@"; }}}}; '
)


# ---- samples ---------------------------------------------------------------------------------


def run(wildcards):
    """Paths of the sample of a job."""
    return Layout(CONFIG.results, wildcards.sample)


def volume(name, image):
    """What of a sample's row says how to read its 3D image ``lr`` or ``truth``.

    The truth is of the whole LR image: it has its voxels and its crop, ``scale`` times finer.
    """
    row = SAMPLES[name]
    read = {"sample": name, "lr_segmentation": "", "hr": "", "hr_segmentation": ""}
    if image == "lr":
        kept = ("lr", "lr_voxel_um", "lr_reader", "lr_crop")
        return Sample(**read, **{field: getattr(row, field) for field in kept})
    crop = re.sub(r"\d+", lambda bound: str(int(bound[0]) * CONFIG.scale), row.lr_crop)
    return Sample(**read, lr=row.truth, lr_voxel_um=fine_um(name), lr_crop=crop)


def images(pattern):
    """The files that a cell of the sample sheet names, if any."""
    return sorted(map(str, matching(pattern))) if pattern else []


def volume_files(wildcards):
    """The file, the folder or the slices of a 3D image."""
    return images(volume(wildcards.sample, wildcards.image).lr)


def hr_files(wildcards):
    """The HR images of a sample that a job is of, in order."""
    row = SAMPLES[wildcards.sample]
    return checked(row.hr_files if wildcards.images == "hr" else row.hr_test_files)


def hr_axes(wildcards):
    """Of an anisotropic rock: the axes that each of the HR images is perpendicular to."""
    return checked(SAMPLES[wildcards.sample].hr_file_axes) if wildcards.images == "hr" else None


def reference(wildcards):
    """The HR labels that SR is held against."""
    return run(wildcards).labels(SAMPLES[wildcards.sample].reference)


def fingerprint(files):
    """Digest of the content of files: a touched file is the same, a replaced one is not."""
    return lambda wildcards: checked(FINGERPRINTS.of, files(wildcards))


@cache
def header(name, image):
    """Shape, voxel size (µm) and bytes a voxel of a sample's 3D image, from its file's header."""
    return volume_header(volume(name, image))


def lr_shape(name):
    """(z, y, x) of the LR image."""
    return checked(header, name, "lr")[0]


def fine_um(name):
    """The SR voxel in µm."""
    return checked(header, name, "lr")[1] / CONFIG.scale


def check(name):
    """Look at the images of a sample.

    Raises
    ------
    InputError : an image that is missing or not what it should be.
    """
    row = SAMPLES[name]
    for image in (*images(row.lr), *row.hr_files(), *row.hr_test_files(), *images(row.truth)):
        plain(image, f"sample {name!r}: an image")
    shape, voxel_um, _ = header(name, "lr")
    check_sample(CONFIG, row, shape, voxel_um)
    if row.truth:
        expected = tuple(edge * CONFIG.scale for edge in shape)
        found = header(name, "truth")[0]
        if found != expected:
            raise InputError(
                row.truth,
                f"{found} voxels (z, y, x)",
                f"{expected}, {CONFIG.scale} times the LR image",
                "Give the truth of the whole LR image (lr_crop crops both).",
            )


# A sample that cannot be read fails now rather than on the cluster, in an hour. (A job that the
# workflow has started looks only at what it needs.)
if workflow.is_main_process:
    for name in SAMPLES:
        checked(check, name)


# ---- input -----------------------------------------------------------------------------------


def previous_weights(wildcards):
    """The weights that a stage starts from; the first has none."""
    return run(wildcards).weights(stage(wildcards) - 1) if stage(wildcards) > 1 else []


def groups(name):
    """The numbers of the jobs that super-resolve a sample."""
    cut = CONFIG.superresolve
    return range(len(cut_into_groups(lr_shape(name), cut.block, cut.blocks_per_job)))


def block_groups(wildcards):
    """The blocks of one realisation."""
    numbers = groups(wildcards.sample)
    return [run(wildcards).block_group(wildcards.realisation, n) for n in numbers]


def block_counts(wildcards):
    """The nodes in the blocks of all realisations."""
    numbers = groups(wildcards.sample)
    return [run(wildcards).block_counts(r, n) for r in REALISATIONS for n in numbers]


def truth(wildcards):
    """The labels of the truth, where the sample sheet has it."""
    return run(wildcards).truth_labels if SAMPLES[wildcards.sample].truth else []


def network_labels(wildcards):
    """The labels that a pore network is of."""
    of = run(wildcards)
    return of.sr_labels(0) if wildcards.image == "sr" else of.labels(wildcards.image)


def networks(wildcards):
    """The pore networks of a sample, and what changed from LR to SR."""
    images = ["lr", "sr", "truth"] if SAMPLES[wildcards.sample].truth else ["lr", "sr"]
    tables = [run(wildcards).network(image, "properties.csv") for image in images]
    return [*tables, run(wildcards).network("change.csv")]


# ---- params ----------------------------------------------------------------------------------
# Snakemake compares the values of a job's params without their names, and dictionaries with the
# order of their keys. Hence all values of a job are one canonical text, and beside it are digests
# of the library's sources that its step uses, and of images that are nobody's output.


def values(**given):
    """The step's arguments as one canonical JSON text; a function is asked with the wildcards."""

    def text(wildcards):
        asked = {
            name: value(wildcards) if callable(value) else value for name, value in given.items()
        }
        return json.dumps(TypeAdapter(dict).dump_python(asked, mode="json"), sort_keys=True)

    return text


def stage(wildcards):
    """The stage as a number."""
    return int(wildcards.stage)


def of_stage(wildcards):
    """The settings of a job's stage."""
    return CONFIG.train.stage(stage(wildcards))


def recipe(image):
    """How the sample sheet says that an image (None: that of the job) becomes phases."""

    def found(wildcards):
        row = SAMPLES[wildcards.sample]
        return CONFIG.segmentations[getattr(row, f"{image or wildcards.image}_segmentation")]

    return found


def place(wildcards):
    """The subvolume of a job: equal in physical size and place in all images of a sample."""
    fine = fine_um(wildcards.sample)
    return Place(int(wildcards.subvolume), CONFIG.seed, fine, fine * CONFIG.scale)


# ---- resources -------------------------------------------------------------------------------


def scaled(base, lr_voxels=0.0):
    """``base`` and so much for a million LR voxels; a further attempt gets more."""

    def amount(wildcards, attempt):
        millions = prod(lr_shape(wildcards.sample)) / 1e6
        return ceil((base + millions * lr_voxels) * attempt)

    return amount


# A job may take more memory than `octolith plan` states, and a slow machine more time.
MEMORY_MARGIN, TIME_MARGIN = 1.5, 3
# On a cluster every job has a Snakemake of its own, in the same memory.
SNAKEMAKE_MB = 400
# What a step takes before it reads anything, bytes.
LIBRARIES = 250e6


def stated(memory, seconds, margin=MEMORY_MARGIN):
    """Memory (bytes) and time of a job as the library plans them, with a margin."""

    def mem_mb(wildcards, attempt):
        return ceil((SNAKEMAKE_MB + memory(wildcards) / 2**20 * margin) * attempt)

    def runtime(wildcards, attempt):
        return ceil((10 + seconds(wildcards) / 60 * TIME_MARGIN) * attempt)

    return {"mem_mb": mem_mb, "runtime": runtime}


def shape(wildcards):
    """(z, y, x) of the 3D image of a job, which may be the truth."""
    return checked(header, wildcards.sample, wildcards.image)[0]


def itemsize(wildcards):
    """Bytes for a voxel of the 3D image of a job."""
    return checked(header, wildcards.sample, wildcards.image)[2]


def filtered(wildcards):
    """Whether an image is denoised by a filter that compares neighbourhoods."""
    return recipe(None)(wildcards).denoise.method in ("non-local-means", "bilateral")


def segmenting(wildcards):
    """Bytes for a voxel of a slab that is segmented; those filters work in float64."""
    return 4.2 * itemsize(wildcards) + 40 * filtered(wildcards)


def slab(voxels):
    """Voxels of a slab of a volume of (z, y, x) voxels."""
    return THICKNESS * voxels[1] * voxels[2]


@cache
def shares(name, known):
    """What is known of a sample's mixed nodes while so many of its files are ``known``."""
    of = Layout(CONFIG.results, name)
    return checked(mixed_shares, of, CONFIG.stages, CONFIG.superresolve.block, CONFIG.train)


def work(wildcards):
    """The super-resolution of a sample."""
    of = run(wildcards)
    known = sum(Path(file).exists() for file in (of.lr_labels, of.weights(CONFIG.stages)))
    mixed = shares(wildcards.sample, known)
    return workload(CONFIG, lr_shape(wildcards.sample), mixed)


def fine_shape(wildcards):
    """(z, y, x) of the SR image."""
    return tuple(edge * CONFIG.scale for edge in lr_shape(wildcards.sample))


def planned(cost):
    """Memory and minutes of a job on a subvolume, from the largest cube it may be given."""

    def voxels(wildcards):
        fine = fine_um(wildcards.sample)
        most = most_um(CONFIG.network, fine, fine * CONFIG.scale)
        return round((CONFIG.network.subvolume_um or most) / fine) ** 3

    return stated(
        lambda wildcards: cost.memory(voxels(wildcards)),
        lambda wildcards: cost.seconds(voxels(wildcards)),
        margin=1.2,  # the cost has one of its own
    )
