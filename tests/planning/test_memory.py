"""The memory that planning states is what the steps' own processes take, to within 30 %."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from octolith.blocks import Cut
from octolith.inference import grow
from octolith.networks import weights
from octolith.phases import Phases
from octolith.planning import Workload, smooth_memory
from octolith.settings.steps import SmoothSettings, SuperResolveSettings
from octolith.settings.training import TrainSettings
from octolith.volumes import create_volume, open_volume, write_volume

PHASES = Phases.of(["pore", "quartz", "feldspar", "clay"])
STAGES = 4
SHAPE = (28, 28, 48)
BLOCKS = SuperResolveSettings(block=28, blocks_per_job=1)
# Mixed nodes as in paper 1, table 2.
SHARES = (0.29, 0.53, 0.47)
WITHIN = 0.3
STEP = Path(__file__).parents[2] / "workflow" / "scripts" / "step.py"
RUNNER = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0])
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def peak(step: str, values: dict[str, Any], **paths: object) -> int:
    """Bytes that the process of a step has held at most."""
    words = []
    for name, path in paths.items():
        words += [f"--{name}", *map(str, path if isinstance(path, list) else [path])]
    command = [sys.executable, "-c", RUNNER, str(STEP), step, json.dumps(values), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return 1024 * int(done.stdout.splitlines()[-1])


@pytest.fixture(
    params=[
        {"preset": "laptop", "generator": {"widths": [[48, 48]]}},
        {"preset": "paper", "generator": {"widths": [[64, 64], [64, 64], [64, 48], [48, 48]]}},
    ],
    ids=["channel norm and context", "as paper 1"],
)
def rock(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Workload]:
    """A folder with LR labels and weights, and the work to be done on them.

    The generator is not trained; its bias makes as many nodes mixed as a trained one has. What
    the planning is told is the share in a cube of the training's size, as the training's log is.
    """
    field = gaussian_filter(np.random.default_rng(1).standard_normal(SHAPE), 3)
    labels = np.digitize(field, np.quantile(field, [0.2, 0.8, 0.9])).astype(np.uint8)
    write_volume(tmp_path / "lr.h5", labels, (8.0, 8.0, 8.0), phases=PHASES)
    torch.manual_seed(0)
    settings = TrainSettings(lr_cube=16, **request.param)
    header = weights.Header(
        octolith="0", phases=PHASES.names, pore="pore", stage=STAGES, stages=STAGES, face=16,
        generator=settings.generator_settings(), critic=settings.critic_settings(), seed=0, data="",
    )  # fmt: skip
    generator, _ = header.build()
    generator.eval()
    mixed = []
    with open_volume(tmp_path / "lr.h5") as volume, torch.no_grad():
        cube = Cut(0, (0, 0, 0), (16, 16, 16))
        for stage, share in enumerate(SHARES, 1):
            logits = grow(generator, volume, cube, 1, stage).logits
            lead = logits[:, PHASES.mixed] - logits[:, : PHASES.mixed].amax(1)
            bias = generator.stages[stage - 1].classify.bias
            bias[PHASES.mixed] -= lead.sort().values[int((1 - share) * len(lead))]
            found = grow(generator, volume, cube, 2, stage).octree.counts()[-1]
            mixed.append(found["mixed"] / found["nodes"])
    weights.save(tmp_path / "weights.safetensors", header, {"generator": generator})
    work = Workload(SHAPE, BLOCKS, header.generator, len(PHASES), STAGES, tuple(mixed))
    return tmp_path, work


def test_of_a_block_job_and_of_stitching(rock: tuple[Path, Workload]) -> None:
    folder, work = rock
    values = {
        "settings": BLOCKS.model_dump(), "stages": STAGES, "seed": 1,
        "phases": {"names": PHASES.names, "pore": PHASES.pore},
    }  # fmt: skip
    groups = [folder / f"group{number}.h5" for number in range(work.jobs)]
    for number, group in enumerate(groups):
        taken = peak(
            "superresolve", values | {"group": number}, labels=folder / "lr.h5",
            trained=folder / "weights.safetensors", out=group,
        )  # fmt: skip
        assert taken == pytest.approx(work.memory, rel=WITHIN)
    taken = peak("stitch", {}, groups=groups, out=folder / "sr.h5")
    assert taken == pytest.approx(work.stitch_memory, rel=WITHIN)


@pytest.mark.parametrize("height", [96, 288])
def test_of_smoothing_whatever_the_height(height: int, tmp_path: Path) -> None:
    shape, settings = (height, 1280, 1024), SmoothSettings(passes=2)
    slab = np.random.default_rng(1).integers(0, 2, (32, 20, 16), np.uint8).repeat(64, 1)
    with create_volume(tmp_path / "a.h5", shape, "u1", (1, 1, 1), phases=PHASES) as writer:
        for z in range(0, height, 32):
            writer[z : z + 32] = slab.repeat(64, 2)
    taken = peak(
        "smooth", {"settings": settings.model_dump()}, source=tmp_path / "a.h5",
        out=tmp_path / "b.h5",
    )  # fmt: skip
    assert taken == pytest.approx(smooth_memory(shape, settings), rel=WITHIN)
