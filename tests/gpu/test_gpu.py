"""On a GPU the octree, training and super-resolution give what they give on a CPU.

Run with `pytest -m gpu` where there is a CUDA device; without one they are skipped, and say so.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from octolith.blocks import Cut, cut
from octolith.inference import grow
from octolith.networks import Block, Generator, weights
from octolith.networks.noise import coordinate_noise, gumbel, smooth_noise
from octolith.octree import build, families, render
from octolith.phases import Phases
from octolith.planning import Workload
from octolith.planning.workload import CUDA_CHUNK, CUDA_DEVICE
from octolith.settings.steps import SuperResolveSettings
from octolith.settings.training import StageSettings, TrainSettings
from octolith.training import Loop, Stage
from octolith.training.calibration import calibrate
from octolith.volumes import open_volume, write_volume

pytestmark = pytest.mark.gpu

PHASES = Phases.of(["pore", "quartz", "clay"])
GPU = torch.device("cuda")


@pytest.fixture(scope="module", autouse=True)
def device() -> None:
    if not torch.cuda.is_available():
        warnings.warn("NO GPU: nothing was compared with a CPU", stacklevel=1)
        pytest.skip("NO GPU: nothing was compared with a CPU")


def rock(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Labels of three phases in blobs a few voxels wide."""
    noise = torch.rand(1, 1, *shape, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.avg_pool3d(noise, 5, 1, 2)[0, 0]
    low, high = smooth.quantile(torch.tensor([0.3, 0.7]))
    return (smooth > low).byte() + (smooth > high).byte()


def network(stages: int = 3, **changes: object) -> Generator:
    """Random weights whose classes are well mixed."""
    torch.manual_seed(0)
    settings = TrainSettings(generator={"decision_noise": 0.5} | changes)
    generator = Generator(settings.generator_settings(), len(PHASES), stages).eval()
    for stage in generator.stages:
        torch.nn.init.normal_(stage.classify.weight, std=1.0)
    return generator


def block_of(labels: torch.Tensor, device: torch.device | str = "cpu") -> Block:
    origin = torch.tensor([[40, 0, 7]])
    core = ((0, 0, 0), tuple(labels.shape))
    return Block(labels[None].to(device), origin.to(device), core, seed=3)  # type: ignore[arg-type]


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.cpu().double() - b.cpu().double()).norm() / b.cpu().double().norm())


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dense convolutions in float32 rather than TF32, which they have on a GPU."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("channels", [(16, 24), (128, 64)])
@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2), (torch.float16, 2e-3)]
)
def test_a_convolution_and_its_gradients(
    channels: tuple[int, int], dtype: torch.dtype, error: float
) -> None:
    tree = build(rock((32, 32, 32))[None], 2, phases=3)
    parents = tree.levels[1].select(tree.classes[1] == 3)
    torch.manual_seed(1)
    leaves = [
        torch.randn(8 * len(parents), channels[0]), torch.randn(*channels[::-1], 3, 3, 3),
        torch.randn(channels[1]),
    ]  # fmt: skip
    upstream = torch.randn(8 * len(parents), channels[1])
    found = []
    for where in ("cpu", "cuda"):
        x, weight, bias = (leaf.detach().clone().to(where).requires_grad_() for leaf in leaves)
        level = type(parents)(parents.keys.to(where), parents.depth, parents.batch)
        with torch.autocast("cuda", dtype, dtype != torch.float32):  # on a CPU it does nothing
            out = families(level).conv3(x, weight, bias)
        gradients = torch.autograd.grad(out, (x, weight, bias), upstream.to(out))
        found.append([out.detach(), *gradients])
    for ours, reference in zip(found[1], found[0], strict=True):
        assert relative(ours, reference) < error


def test_noise_is_the_same_to_the_last_digits() -> None:
    at = torch.randint(-(2**40), 2**40, (5000, 3), generator=torch.Generator().manual_seed(1))
    for make in (coordinate_noise, smooth_noise):
        here, there = make(at, 7, 2), make(at.to(GPU), 7, 2).cpu()
        torch.testing.assert_close(there, here, atol=2e-6, rtol=1e-5)
        torch.testing.assert_close(gumbel(there), gumbel(here), atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("exact")
def test_planes_are_drawn_alike() -> None:
    growth = network()(block_of(rock((8, 8, 8))), 3)
    on_gpu = network().to(GPU)(block_of(rock((8, 8, 8)), GPU), 3)
    at = torch.tensor([[0, 3], [0, 17]])
    for axis in range(3):
        here = render(growth.octree, growth.decisions, axis, at)
        there = render(on_gpu.octree, on_gpu.decisions, axis, at.to(GPU)).cpu()
        assert float((here != there).any(1).float().mean()) < 1e-3


# The dense first stage has TF32 unless it is told otherwise.
@pytest.mark.parametrize(("tf32", "differ"), [(False, 1e-4), (True, 3e-3)])
def test_the_same_rock_is_grown(tf32: bool, differ: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
    labels = rock((16, 16, 16))
    here = network()(block_of(labels), 3).octree.reconstruct()
    there = network().to(GPU)(block_of(labels, GPU), 3).octree.reconstruct().cpu()
    assert len(here.unique()) == 3
    # Where two classes are nearly as likely, rounding decides.
    found = float((here != there).float().mean())
    print(f"TF32 {tf32}: {found:.1e} of the voxels differ")
    assert found < differ


def test_no_cut_leaves_a_trace(tmp_path: Path) -> None:
    labels = rock((24, 20, 22)).numpy()
    write_volume(tmp_path / "lr.h5", labels, (4.0, 4.0, 4.0), phases=PHASES)
    generator = network().to(GPU)
    made = {}
    with open_volume(tmp_path / "lr.h5") as volume:
        for edge in (24, 9):
            fine = np.empty([4 * n for n in labels.shape], np.uint8)
            for part in cut(labels.shape, edge):
                grown = grow(generator, volume, part, 1)
                fine[part.region(4)] = grown.octree.reconstruct()[0].cpu().numpy()
            made[edge] = fine
    # Products of another shape are summed in another order; a seam would be thousands of voxels.
    found = int((made[24] != made[9]).sum())
    print(f"{found} of {made[24].size} voxels differ")
    assert found < 1e-5 * made[24].size


@pytest.mark.parametrize("stages", [3, 4])
def test_no_job_takes_more_memory_than_is_stated(tmp_path: Path, stages: int) -> None:
    labels = rock((32, 32, 32)).numpy()
    write_volume(tmp_path / "lr.h5", labels, (4.0, 4.0, 4.0), phases=PHASES)
    generator = network(stages, widths=((128, 128), (64, 64))).to(GPU)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with open_volume(tmp_path / "lr.h5") as volume:
        growth = grow(generator, volume, Cut(0, (0, 0, 0), (32, 32, 32)), 1)
    peak = torch.cuda.max_memory_allocated() - before
    tree = growth.octree
    shares = [float((known == len(PHASES)).float().mean()) for known in tree.classes[:-1]]
    work = Workload(
        (32, 32, 32), SuperResolveSettings(block=32), generator.settings, len(PHASES), stages,
        tuple(shares), gpu=True,
    )  # fmt: skip
    assert work.gpu_memory is not None
    stated = work.gpu_memory - CUDA_DEVICE
    print(f"{peak / 2**20:.0f} MiB, {stated / 2**20:.0f} stated")
    assert 0.5 * (stated - CUDA_CHUNK) < peak < stated


def stage_on(where: torch.device, stage: int = 2, **changes: object) -> Stage:
    """A small stage, about to begin."""
    torch.manual_seed(0)
    settings = TrainSettings(
        lr_cube=8, generator={"widths": [[16, 16], [16, 16]], "decision_noise": 0.5},
        critic={"widths": [24, 16], "trunk": []},
    )  # fmt: skip
    header = weights.Header(
        octolith="0", phases=PHASES.names, pore="pore", stage=stage, stages=2, face=settings.cube,
        generator=settings.generator_settings(), critic=settings.critic_settings(), seed=0, data="",
    )  # fmt: skip
    of_stage = StageSettings.model_validate(
        settings.stage(stage).model_dump()
        | {"epochs": 2, "iterations": 5, "planes": 6, "check_every": 1, "fade_epochs": 1}
        | changes
    )
    return Stage(
        *header.build(), stage, of_stage, phases=PHASES, labels=rock((24, 24, 24)).numpy(),
        images=[rock((48, 48, 5), 1)[..., 2].numpy()], seed=0, device=where,
    )  # fmt: skip


def test_the_first_step_measures_what_it_does_on_a_cpu() -> None:
    here, there = (
        stage_on(torch.device(where), precision="float32").step() for where in ("cpu", "cuda")
    )
    assert here.keys() == there.keys()
    for name, value in here.items():
        assert there[name] == pytest.approx(value, rel=0.03, abs=0.01), name


@pytest.mark.parametrize("precision", ["bfloat16", "float16", "float32"])
def test_a_stage_trains_to_its_end_and_is_calibrated(tmp_path: Path, precision: str) -> None:
    run = stage_on(GPU, precision=precision)
    before = {key: value.clone() for key, value in run.block.state_dict().items()}
    trained = Loop(run, tmp_path / "saved.safetensors").run()
    calibrate(run, trained)
    log = pd.read_csv(tmp_path / "log.csv")
    assert len(log) == 2
    assert np.isfinite(log.to_numpy()).all()
    assert any((value != before[key]).any() for key, value in trained.state_dict().items())
    assert all(value.isfinite().all() for value in trained.state_dict().values())


def test_a_checkpoint_of_one_device_goes_on_on_the_other(tmp_path: Path) -> None:
    first = stage_on(GPU, precision="float32")
    for _ in range(3):
        first.step()
    first.save(tmp_path / "saved.safetensors")
    losses = []
    for where in ("cpu", "cuda"):
        again = stage_on(torch.device(where), precision="float32")
        again.load(tmp_path / "saved.safetensors")
        losses.append(again.step()["voxel_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.02, abs=1e-3)
