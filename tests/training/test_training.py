"""Training: the losses are right, it can be killed anywhere, and its files refuse misuse."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rocks import PHASES, TINY, blobs, growth_of, make_rock, tiny_stage, train_stage
from safetensors.torch import load_file, save_file

from octolith.errors import InputError
from octolith.networks import Block, Growth, weights
from octolith.octree import build
from octolith.phases import Phases
from octolith.training import (
    EXIT_RESUME,
    Interrupted,
    Loop,
    distributed,
    losses,
    monitor,
)
from octolith.training.data import Cubes, Planes, holding
from octolith.training.monitor import errors, statistics
from octolith.training.stage import precision
from octolith.volumes import write_images


@pytest.fixture
def rock(tmp_path: Path) -> Path:
    """LR labels and a two-stage pyramid in files."""
    make_rock(tmp_path)
    return tmp_path


# -- losses ------------------------------------------------------------------------------------


def test_gradient_penalty_of_a_linear_critic_by_hand() -> None:
    """A critic that sums its input has a gradient of ones: norm √pixels everywhere."""
    planes = torch.rand(4, 2, 5, 5)
    penalty = losses.gradient_penalty(
        lambda x: x.sum((1, 2, 3)), planes, 1 - planes, torch.Generator()
    )
    assert float(penalty) == pytest.approx((50**0.5 - 1) ** 2, rel=1e-5)


def as_growth(labels: torch.Tensor, depth: int, phases: int = 2) -> Growth:
    """A finished volume as a growth whose finest logits are certain."""
    tree = build(labels, depth, phases=phases)
    logits = torch.nn.functional.one_hot(tree.classes[-1].long(), phases + 1).float() * 100
    return growth_of(tree, logits)


@pytest.mark.parametrize("form", ["nearest", "majority", "blur"])
def test_voxel_loss_is_nothing_where_sr_refines_lr(form: str) -> None:
    lr = torch.from_numpy(blobs((4, 4, 4)))[None]
    sr = lr
    for axis in (1, 2, 3):
        sr = sr.repeat_interleave(4, axis)
    assert float(losses.voxel_loss(as_growth(sr, 2), lr, (0,), form, 0.0)) < 1e-4
    flipped = losses.voxel_loss(as_growth(1 - sr, 2), lr, (0,), form, 0.0)
    assert float(flipped) == pytest.approx(1.0, abs=0.05)


def test_the_critic_learns_as_often_as_it_is_told() -> None:
    run = tiny_stage(critic_steps=3)
    run.step()
    (state, *_) = run.c_optimiser.state.values()
    assert int(state["step"]) == 9  # three times on each axis
    (state, *_) = run.g_optimiser.state.values()
    assert int(state["step"]) == 1


def test_nearest_form_sees_one_voxel_of_a_cell_and_majority_most_of_it() -> None:
    lr = torch.ones(1, 1, 1, 1, dtype=torch.uint8)
    sr = torch.ones(1, 4, 4, 4, dtype=torch.uint8)
    sr[0, 2, 2, 2] = 0  # the voxel that nearest-neighbour downsampling picks
    assert float(losses.voxel_loss(as_growth(sr, 2), lr, (0,), "nearest", 0.0)) == 1.0
    assert float(losses.voxel_loss(as_growth(sr, 2), lr, (0,), "majority", 0.0)) < 1e-3


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_blur_is_a_dense_gaussian_then_trilinear_downsampling(depth: int) -> None:
    """Paper 4's σ by PyTorch's own dense operators, on labels of three phases."""
    scale = 2**depth
    labels = torch.randint(0, 3, (2, *[4 * scale] * 3), generator=torch.Generator().manual_seed(1))
    labels = labels.to(torch.uint8)
    tree = build(labels, depth, phases=3)
    logits = torch.nn.functional.one_hot(tree.classes[-1].long(), 4).float() * 100
    lr = torch.zeros(2, 4, 4, 4, dtype=torch.uint8)

    k = scale if scale % 2 else scale - 1
    sigma = 0.3 * ((k - 1) * 0.5 - 1) + 0.8
    bell = torch.exp(-0.5 * ((torch.arange(k) - k // 2) / sigma) ** 2)
    cube = torch.einsum("a,b,c->abc", *[bell / bell.sum()] * 3)[None, None]
    one_hot = torch.stack([labels == code for code in (0, 2)], 1).float()
    blurred = torch.nn.functional.conv3d(one_hot.flatten(0, 1)[:, None], cube, padding=k // 2)
    coarse = torch.nn.functional.interpolate(blurred, scale_factor=1 / scale, mode="trilinear")
    share = coarse.view(2, 2, 4, 4, 4)
    soft = torch.cat([share, 1 - share.sum(1, keepdim=True)], 1) / losses.TEMPERATURE
    wanted = torch.stack([lr == 0, lr == 2], 1).float()
    expected = (soft.softmax(1)[:, :2] - wanted).square().mean()

    found = losses.voxel_loss(growth_of(tree, logits), lr, (0, 2), "blur", 0.0)
    assert float(found) == pytest.approx(float(expected), rel=1e-4)


def test_blur_weighs_the_middle_of_a_cell_more_than_majority_does() -> None:
    assert losses.gaussian(2).tolist() == [0.5, 0.5]
    assert losses.gaussian(4).tolist() == pytest.approx([0.1195, 0.3805, 0.3805, 0.1195], abs=1e-4)
    lr = torch.zeros(1, 1, 1, 1, dtype=torch.uint8)
    sr = torch.ones(1, 4, 4, 4, dtype=torch.uint8)
    sr[0, 1:3, 1:3, 1:3] = 0  # an eighth of the cell, and 0.44 of it blurred
    losses_of = {
        form: float(losses.voxel_loss(as_growth(sr, 2), lr, (0,), form, 0.0))
        for form in ("majority", "blur")
    }
    assert losses_of["blur"] < 0.5
    assert losses_of["majority"] > 0.9


def test_untied_phases_are_free_and_tied_ones_are_not() -> None:
    lr = torch.zeros(1, 2, 2, 2, dtype=torch.uint8)
    other = as_growth(torch.ones(1, 4, 4, 4, dtype=torch.uint8), 1)
    for form in ("nearest", "majority", "blur"):
        assert float(losses.voxel_loss(other, lr + 1, (0,), form, 0.0)) < 1e-3
        assert float(losses.voxel_loss(other, lr, (0,), form, 0.0)) > 0.9
    # An LR image that takes grain for something else: only the pore is held against it.
    assert float(losses.voxel_loss(other, lr + 2, (0,), "majority", 0.0)) < 1e-3
    assert float(losses.voxel_loss(other, lr + 2, (0, 1), "majority", 0.0)) > 0.4


def test_where_phases_meet_only_the_pore_is_told_from_the_others() -> None:
    """LR has pore (0), a rim that looks like quartz (1) and feldspar (2); SR has no rim."""
    lr = torch.tensor([0, 0, 1, 2, 2, 2], dtype=torch.uint8).expand(1, 3, 3, 6)
    without_rim = torch.where(lr == 1, 2, lr)
    no_core = torch.where(lr == 2, 1, lr)
    no_pore = torch.where(lr == 0, 1, lr)

    def loss(sr: torch.Tensor, pore: int | None) -> float:
        growth = as_growth(sr, 0, phases=3)
        return float(losses.voxel_loss(growth, lr, (0, 1, 2), "nearest", 0.0, pore=pore))

    assert loss(without_rim, None) == pytest.approx(2 / 18)  # a sixth of the voxels, two of three
    assert loss(without_rim, 0) == 0.0
    assert loss(no_core, 0) == pytest.approx(4 / 18)  # of three columns the two that are within
    alone = losses.voxel_loss(as_growth(without_rim, 0, phases=3), lr, (2,), "nearest", 0.0, pore=0)
    assert float(alone) == 0.0  # nor is a mineral that is the only one
    assert loss(no_pore, None) == pytest.approx(4 / 18)
    assert loss(no_pore, 0) == pytest.approx(3 / 18)  # one column of the pore is within


def test_mixed_nodes_agree_with_lr_and_tolerance_forgives() -> None:
    lr = torch.zeros(1, 2, 2, 2, dtype=torch.uint8)
    tree = build(lr, 0, phases=2)
    undecided = growth_of(tree, torch.tensor([[0.0, 0.0, 100.0]]).expand(8, 3))
    assert float(losses.voxel_loss(undecided, lr, (0,), "nearest", 0.0)) == 0.0
    wrong = growth_of(tree, torch.tensor([[100.0, 0.0, 0.0]] * 7 + [[0.0, 100.0, 0.0]]))
    assert float(losses.voxel_loss(wrong, lr, (0,), "nearest", 0.0)) == pytest.approx(1 / 8)
    assert float(losses.voxel_loss(wrong, lr, (0,), "nearest", 0.2)) == 0.0


def test_statistics_of_stripes_by_hand() -> None:
    stripes = torch.zeros(1, 8, 8, dtype=torch.uint8)
    stripes[:, :, 1::2] = 1
    found = statistics([stripes], phases=2, pore=0, edge=8)
    assert found.fractions.tolist() == [0.5, 0.5, 0.0]
    assert float(found.interfaces[0, 1]) == pytest.approx(0.5)  # every pair along x, none along y
    # Along y always alike (1/2 pore); along x alike at even lags only.
    assert float(found.two_point[0]) == pytest.approx(0.25)
    assert errors(found, found)["error_interface"] == 0.0


def test_what_the_images_have_none_of_does_not_drown_all_else() -> None:
    """Rock whose pores are too small for a stage to have any of them."""
    grain = torch.ones(4, 16, 16, dtype=torch.uint8)
    little = grain.clone()
    little[:, ::4, ::4] = 0
    found = errors(statistics([little], 2, 0, 16), statistics([grain], 2, 0, 16))
    assert found["error_two_point"] == monitor.MOST


# -- data --------------------------------------------------------------------------------------


def test_crops_and_cubes_stay_inside_the_rock() -> None:
    image = blobs((30, 30))
    image[:10] = 255
    draws = Planes([image], 8).draw(50, torch.Generator().manual_seed(0))
    assert draws.shape == (50, 8, 8) and int(draws.max()) < 2
    labels = blobs((20, 20, 20))
    labels[:, :, 12:] = 255
    block = Cubes(labels, 8, 4).draw(20, 0, torch.Generator().manual_seed(0))
    (z0, y0, x0), (z1, y1, x1) = block.core
    assert int(block.labels[:, z0:z1, y0:y1, x0:x1].max()) < 2
    at = (block.origin[3] + torch.tensor(block.core[0])).tolist()
    inside = tuple(slice(a, a + 8) for a in at)
    assert np.array_equal(block.core_labels[3].numpy(), labels[inside])


def test_images_smaller_than_a_crop_are_refused() -> None:
    with pytest.raises(InputError, match=r"HR images: found at most 8 pixels .* expected 16"):
        Planes([blobs((8, 40))], 16)


@pytest.mark.parametrize(
    ("across", "sets", "symmetries"),
    [("zyx", ["zyx"], 8), ("z", ["z", "yx"], 8), ("yx", ["z", "yx"], 4), ("y", ["z", "y", "x"], 4)],
)
def test_crops_are_turned_only_where_the_axes_of_the_plane_are_alike(across, sets, symmetries):
    image = np.zeros((8, 8), np.uint8)
    image[0, 1:3] = 1  # looks different in each of the eight orientations
    planes = Planes([image], 8, holding(across, sets))
    drawn = planes.draw(200, torch.Generator().manual_seed(0))
    assert len({tuple(plane.flatten().tolist()) for plane in drawn}) == symmetries
    rows = drawn.any(2).sum(1)  # the line lies along the rows, or, turned, along the columns
    assert bool((rows == 1).all()) == (symmetries == 4)


# -- the loop ----------------------------------------------------------------------------------


def test_two_stages_train_and_leave_log_samples_and_weights(rock: Path) -> None:
    train_stage(rock, 1)
    out = train_stage(rock, 2)
    log = pd.read_csv(out.parent / "log.csv")
    assert list(log["epoch"]) == [1, 2]
    assert log[["critic_loss", "voxel_loss", "error"]].notna().all().all()
    assert (out.parent / "samples" / "epoch0002.png").stat().st_size > 5000
    assert not list(out.parent.glob("checkpoint*"))
    generator, header = weights.load_generator(out, PHASES, stages=2)
    assert (header.stage, header.phases) == (2, ("pore", "grain"))
    # The first stage came through the second unchanged.
    before = load_file(rock / "stage1/weights.safetensors")
    after = load_file(out)
    first = [k for k in before if k.startswith("generator.stages.0.")]
    assert all(torch.equal(before[k], after[k]) for k in first)
    # LR ties down the pore alone: of the rest it is not asked how sure it is.
    assert after["generator.stages.1.tied"].tolist() == [True, False]
    labels = torch.from_numpy(blobs((10, 10, 10)))[None]
    block = Block(labels, torch.zeros(1, 3, dtype=torch.int64), ((0, 0, 0), (10, 10, 10)), 1)
    with torch.no_grad():
        assert generator(block, 2).octree.reconstruct().max() < 2


SCRIPT = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import torch
torch.set_num_threads(1)
from octolith.training import Stage
from rocks import train_stage
stop = int(sys.argv[2])
step, taken = Stage.step, [0]
def counted(self):
    if taken[0] == stop:
        import os, signal
        os.kill(os.getpid(), getattr(signal, sys.argv[4]))
    taken[0] += 1
    return step(self)
Stage.step = counted
train_stage(Path(sys.argv[1]), 1, all=json.loads(sys.argv[5]))
"""


def killed(rock: Path, at: int, how: str) -> int:
    changes = TINY["all"] | {"checkpoint_minutes": 1e-6}
    arguments = [str(rock), str(at), str(Path(__file__).parent), how, json.dumps(changes)]
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], check=False, capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ).returncode  # fmt: skip


@pytest.mark.parametrize(
    ("how", "at"), [("SIGTERM", 1), ("SIGUSR1", 4), ("SIGKILL", 3), ("SIGUSR1", 5)]
)
def test_killed_and_resumed_ends_in_the_same_weights(rock: Path, how: str, at: int) -> None:
    changes = {"all": TINY["all"] | {"checkpoint_minutes": 1e-6}}
    undisturbed = load_file(train_stage(rock, 1, **changes))
    log = rock / "stage1" / "log.csv"
    epochs = pd.read_csv(log).drop(columns="seconds")
    for leftover in (rock / "stage1").glob("*.safetensors"):
        leftover.unlink()
    code = killed(rock, at, how)
    assert code == (-signal.SIGKILL if how == "SIGKILL" else EXIT_RESUME)
    assert list((rock / "stage1").glob("checkpoint-*.safetensors"))
    log.unlink(missing_ok=True)  # as Snakemake does with the outputs of a job that failed
    assert killed(rock, -1, how) == 0
    pd.testing.assert_frame_equal(pd.read_csv(log).drop(columns="seconds"), epochs)
    resumed = load_file(rock / "stage1" / "weights.safetensors")
    assert undisturbed.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[key]) for key, value in undisturbed.items())


def checkpoint_name(rock: Path, monkeypatch: pytest.MonkeyPatch, **changes: object) -> str:
    """Of the checkpoint that the second stage would go on from."""
    names = []

    def run(self: Loop) -> None:
        names.append(self.saved.name)
        raise Interrupted

    with monkeypatch.context() as context:
        context.setattr(Loop, "run", run)
        with pytest.raises(Interrupted):
            train_stage(rock, 2, **changes)
    return names[0]


def test_a_checkpoint_belongs_to_all_that_its_result_depends_on(
    rock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_stage(rock, 1)
    first = checkpoint_name(rock, monkeypatch)
    assert checkpoint_name(rock, monkeypatch) == first
    kept = {"checkpoint_minutes": 1.0, "tensorboard": True}
    assert checkpoint_name(rock, monkeypatch, all=TINY["all"] | kept) == first
    assert checkpoint_name(rock, monkeypatch, all=TINY["all"] | {"planes": 4}) != first
    with monkeypatch.context() as context:
        context.setattr(distributed, "world", lambda: 2)
        assert checkpoint_name(rock, monkeypatch) != first
    train_stage(rock, 1, all=TINY["all"] | {"learning_rate": 1e-2})
    assert checkpoint_name(rock, monkeypatch) != first


def test_bfloat16_is_chosen_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def emulated(including_emulation: bool = True) -> bool:
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", emulated)
    assert precision("auto", torch.device("cuda")) is torch.float32


def test_images_are_measured_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [torch.from_numpy(blobs((70, 50))), torch.from_numpy(blobs((3, 41, 40), 1))]
    whole = statistics(images, 2, 0, 32)
    monkeypatch.setattr(monitor, "STRIP", 7)
    parts = statistics(images, 2, 0, 32)
    for name in ("fractions", "interfaces", "two_point"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize("hard", [True, False])
def test_the_critic_sees_decided_classes_with_gradients_or_probabilities(hard: bool) -> None:
    run = tiny_stage(hard=hard, generator=TINY["generator"] | {"decision_noise": 0.5 * hard})
    growth = run.grow(run.cubes.draw(1, 0, run.random))
    planes = run.draw(growth, 0, torch.tensor([[0, 4]]))
    assert bool(((planes == 0) | (planes == 1)).all()) == hard
    assert torch.equal(planes.argmax(1), growth.octree.reconstruct()[:, 4].long())
    (slope,) = torch.autograd.grad(planes[:, 0].sum(), growth.logits)
    assert float(slope.abs().max()) > 0


# -- anisotropic rock --------------------------------------------------------------------------


def layered(rock: Path, axes: list[str]) -> None:
    """HR images that differ with the axes that they are perpendicular to."""
    for stage in (1, 2):
        images = [np.full((48, 48), number % 2, np.uint8) for number in range(len(axes))]
        images[0][::2] = 1 - images[0][0, 0]
        names = [f"{number}" for number in range(len(axes))]
        path = rock / f"stage{stage}.h5"
        write_images(path, images, 4.0 / stage, phases=PHASES, names=names, axes=axes)


def test_planes_across_an_axis_are_held_against_the_images_of_that_axis() -> None:
    images = [np.full((40, 40), value, np.uint8) for value in (0, 1)]
    run = tiny_stage(images=images, axes=["z", "yx"])
    for axis, value in enumerate((0, 1, 1)):
        drawn = run.real_planes(axis, 5)
        assert bool((drawn == value).all())
    assert run.critic.of(0) is not run.critic.of(1)
    assert run.critic.of(1) is run.critic.of(2)


def test_each_axis_trains_its_own_critic_and_no_other() -> None:
    run = tiny_stage(images=[blobs((40, 40), n) for n in range(3)], axes=["z", "y", "x"])
    before = [copy.deepcopy(run.critic.of(axis)) for axis in range(3)]
    turns = []
    apply = run._apply

    def counted(optimiser: torch.optim.Optimizer, module: torch.nn.Module) -> None:
        apply(optimiser, module)
        now = [run.critic.of(axis).state_dict() for axis in range(3)]
        turns.append(
            [not all(torch.equal(v, new[k]) for k, v in old.state_dict().items())
             for old, new in zip(before, now, strict=True)]
        )  # fmt: skip

    run._apply = counted  # type: ignore[method-assign]
    run.step()
    assert turns[:3] == [[True, False, False], [True, True, False], [True, True, True]]


def test_anisotropic_stages_train_with_a_critic_for_each_set_of_images(rock: Path) -> None:
    layered(rock, ["z", "yx"])
    train_stage(rock, 1)
    header, tensors = weights.read(train_stage(rock, 2))
    assert header.axes == ("z", "yx")
    assert {key.split(".")[1] for key in tensors if key.startswith("critic")} == {"0", "1"}
    layered(rock, ["z", "y", "x"])
    with pytest.raises(InputError, match=r"axes: found \('z', 'yx'\), expected \('z', 'y', 'x'\)"):
        train_stage(rock, 2)


# -- files -------------------------------------------------------------------------------------


def test_weights_of_another_rock_or_scale_are_refused_by_name(rock: Path) -> None:
    path = train_stage(rock, 1)
    with pytest.raises(InputError, match=r"weights for the phases \['pore', 'grain'\]"):
        weights.load_generator(path, Phases.of(["pore", "quartz"]), stages=2)
    with pytest.raises(InputError, match=r"weights for 2 stages \(2x\), expected 3 stages \(4x\)"):
        weights.load_generator(path, PHASES, stages=3)
    with pytest.raises(InputError, match=r"stage1.*: generator: found widths=\(\(4, 4\)"):
        train_stage(rock, 2, generator={"widths": [[4, 6], [4, 4]]})


def test_damaged_weights_are_named(rock: Path) -> None:
    path = train_stage(rock, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"damaged file .*Delete it and run again"):
        weights.read(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="another program"):
        weights.read(path)
