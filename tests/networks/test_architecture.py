"""The networks are the paper's, and what they make does not depend on how it is cut."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from octolith.networks import Block, Critic, Generator, halo, parameter_count
from octolith.networks.noise import coordinate_noise, gumbel, smooth_noise
from octolith.settings.training import TrainSettings

PAPER = TrainSettings(preset="paper")
# Paper 1, table A1: the weights of each stage, summed from its rows.
STAGES_OF_A1 = [
    320_512 + 1_024 + 7_078_400 + 1_024 + 7_078_400 + 1_024 + 2_565,
    2_097_664 + 1_024 + 2 * (7_078_400 + 1_024) + 2_565,
    2_097_664 + 1_024 + 3_539_200 + 512 + 1_769_728 + 512 + 1_285,
    524_544 + 512 + 884_864 + 256 + 442_496 + 256 + 645,
    131_200 + 256 + 221_248 + 128 + 110_656 + 128 + 325,
]


@pytest.fixture(scope="module")
def paper_generator() -> Generator:
    with torch.device("meta"):
        return Generator(PAPER.generator_settings(), phases=4, stages=5)


def test_paper_generator_has_its_weights_stage_by_stage(paper_generator: Generator) -> None:
    assert [parameter_count(stage) for stage in paper_generator.stages] == STAGES_OF_A1
    assert parameter_count(paper_generator) == 40_470_489


def test_paper_critic_has_its_weights() -> None:
    with torch.device("meta"):
        critic = Critic(PAPER.critic_settings(), classes=5, stages=5, face=32)
    assert parameter_count(critic) - parameter_count(critic.from_classes) == 12_826_881
    assert [layer.in_channels for layer in critic.layers] == [512, 256, 128, 64, 5]


@pytest.mark.parametrize("entry", [0, 7])
@pytest.mark.parametrize("stage", [1, 2, 3, 4, 5])
def test_critic_scores_every_stage(stage: int, entry: int) -> None:
    changes = {"widths": (8, 6, 4), "trunk": (8,), "entry": entry}
    critic = Critic(TrainSettings(critic=changes).critic_settings(), classes=5, stages=5, face=8)
    planes = torch.rand(3, 5, 8 << (stage - 1), 8 << (stage - 1))
    assert critic(planes, stage).shape == (3,)
    # While it fades in, alpha = 0 is the halved image through the stage before.
    if stage > 1:
        halved = torch.nn.functional.avg_pool2d(planes, 2)
        assert torch.allclose(critic(planes, stage, alpha=0.0), critic(halved, stage - 1))


def test_a_critic_with_an_entry_halves_nothing_before() -> None:
    """A stage learns its own entry, and while it fades in the one of the stage before."""
    settings = TrainSettings(critic={"entry": 7}).critic_settings()
    critic = Critic(settings, classes=3, stages=3, face=16)
    assert [layer.stride for layer in critic.from_classes] == [(1, 1)] * 3
    assert critic.layers[2].in_channels == 7
    learned = {id(p) for p in critic.trained_at(3).parameters()}
    assert [id(layer.weight) in learned for layer in critic.from_classes] == [False, True, True]


def small(stages: int = 3, **changes: object) -> Generator:
    torch.manual_seed(0)
    settings = TrainSettings(generator={"widths": ((6, 6), (6, 5)), **changes})
    generator = Generator(settings.generator_settings(), phases=3, stages=stages)
    # Untrained weights leave little to chance: scatter the classes so that much is mixed.
    for stage in generator.stages:
        torch.nn.init.normal_(stage.classify.weight, std=2.0)
    if generator.settings.norm == "batch":  # its statistics are known after a look at some rock
        labels = torch.randint(0, 3, (2, 9, 9, 9), dtype=torch.uint8)
        block = Block(labels, torch.zeros(2, 3, dtype=torch.int64), ((0, 0, 0), (9, 9, 9)), 0)
        for _ in range(20):
            generator.train()(block, stages)
    return generator.eval()


def grow(generator: Generator, labels: torch.Tensor, low, high, stage: int) -> torch.Tensor:
    """The dense classes of the box low … high, grown with just the halo it needs."""
    width = halo(generator.settings, stage - 1)
    begin = [max(0, a - width) for a in low]
    end = [min(n, b + width) for b, n in zip(high, labels.shape[1:], strict=True)]
    cut = labels[:, begin[0] : end[0], begin[1] : end[1], begin[2] : end[2]]
    core = (
        tuple(a - o for a, o in zip(low, begin, strict=True)),
        tuple(b - o for b, o in zip(high, begin, strict=True)),
    )
    with torch.no_grad():
        growth = generator(Block(cut, torch.tensor([begin]), core, seed=5), stage)
    return growth.octree.reconstruct()[0]


@pytest.mark.parametrize("norm", ["channel", "batch"])
@pytest.mark.parametrize("context", [True, False])
def test_cutting_leaves_no_trace(norm: str, context: bool) -> None:
    generator = small(norm=norm, context=context, decision_noise=0.5)
    torch.manual_seed(1)
    labels = torch.randint(0, 3, (1, 13, 9, 11), dtype=torch.uint8)
    whole = grow(generator, labels, (0, 0, 0), (13, 9, 11), stage=3)
    assert len(whole.unique()) == 3
    cuts = [(0, 4, 13), (0, 9), (0, 3, 5, 11)]
    for z0, z1 in zip(cuts[0], cuts[0][1:], strict=False):
        for x0, x1 in zip(cuts[2], cuts[2][1:], strict=False):
            part = grow(generator, labels, (z0, 0, x0), (z1, 9, x1), stage=3)
            same = whole[4 * z0 : 4 * z1, :, 4 * x0 : 4 * x1] == part
            assert bool(same.all()), f"{(~same).float().mean():.2e} of block {z0, x0} differs"


def test_a_smaller_halo_would_show() -> None:
    """The halo is not just large: without it the labels change."""
    generator = small()
    labels = torch.randint(0, 3, (1, 12, 12, 12), dtype=torch.uint8)
    whole = grow(generator, labels, (0, 0, 0), (12, 12, 12), stage=3)
    with torch.no_grad():
        block = Block(
            labels[:, :6], torch.zeros(1, 3, dtype=torch.int64), ((0, 0, 0), (6, 12, 12)), 5
        )
        bare = generator(block, 3).octree.reconstruct()[0]
    assert bool((whole[:24] != bare).any())


def test_untrained_with_context_is_the_smoothed_lr_image() -> None:
    torch.manual_seed(0)
    settings = TrainSettings().generator_settings()
    generator = Generator(settings, phases=2, stages=3).eval()
    labels = torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    labels[:, :, :, 4:] = 1
    dense = grow(generator, labels, (0, 0, 0), (8, 8, 8), stage=3)
    wanted = labels[0]
    for axis in range(3):
        wanted = wanted.repeat_interleave(4, axis)
    assert (dense == wanted).float().mean() > 0.9


def test_frozen_stages_store_no_activations_and_get_no_gradients() -> None:
    generator = small()
    generator.freeze_before(3)
    labels = torch.randint(0, 3, (2, 10, 10, 10), dtype=torch.uint8)
    block = Block(labels, torch.zeros(2, 3, dtype=torch.int64), ((2, 2, 2), (8, 8, 8)), 1)
    generator(block, 3).probabilities[:, 0].sum().backward()
    for stage in (1, 2):
        assert all(p.grad is None for p in generator.stages[stage - 1].parameters())
        assert not generator.stages[stage - 1].training
    assert all(p.grad is not None for p in generator.stages[2].parameters())


@pytest.mark.parametrize("answer", ["no mixed node", "all mixed"])
def test_no_node_mixed_and_all_mixed(answer: str) -> None:
    generator = small()
    with torch.no_grad():
        for stage in generator.stages[:2]:
            stage.classify.weight.zero_()
            stage.classify.bias.zero_()
            stage.classify.bias[3] = 1.0 if answer == "all mixed" else -1.0
    generator.freeze_before(3)
    labels = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    block = Block(labels, torch.zeros(1, 3, dtype=torch.int64), ((0, 0, 0), (4, 4, 4)), 1)
    growth = generator(block, 3)
    growth.probabilities.sum().backward()
    finest = len(growth.octree.levels[-1])
    assert finest == (16**3 if answer == "all mixed" else 0)
    assert growth.octree.reconstruct().max() < 3


# -- classes that are drawn --------------------------------------------------------------------


def block_of(edge: int, seed: int = 1) -> Block:
    torch.manual_seed(2)
    labels = torch.randint(0, 3, (1, edge, edge, edge), dtype=torch.uint8)
    return Block(labels, torch.zeros(1, 3, dtype=torch.int64), ((0, 0, 0), (edge,) * 3), seed)


def test_smooth_noise_is_normal_and_shared_with_neighbours() -> None:
    """Each cell has, along each axis, 3/4 of its coarse cell and 1/4 of that beside it."""
    coarse = torch.cartesian_prod(*[torch.arange(-15, 17)] * 3)
    families = smooth_noise(coarse, seed=3, channels=1).view(32, 32, 32, 2, 2, 2)
    noise = families.permute(0, 3, 1, 4, 2, 5).reshape(64, 64, 64)
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    assert float(noise.std()) == pytest.approx(1, abs=0.05)
    within, across = (noise[::2] * noise[1::2]).mean(), (noise[1:-1:2] * noise[2::2]).mean()
    assert float(within) == pytest.approx(0.75**2 / 0.625, abs=0.05)
    assert float(across) == pytest.approx(2 * 0.75 * 0.25 / 0.625, abs=0.05)
    assert float((noise[4:] * noise[:-4]).mean()) == pytest.approx(0, abs=0.05)


def test_of_logits_with_gumbel_noise_the_largest_is_a_draw() -> None:
    shares = torch.tensor([0.6, 0.3, 0.1])
    axis = torch.arange(40)
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).flatten(0, 2)
    drawn = (shares.log() + gumbel(coordinate_noise(grid, 1, 3))).argmax(-1)
    found = torch.bincount(drawn).float() / len(drawn)
    torch.testing.assert_close(found, shares, atol=0.01, rtol=0)
    assert gumbel(torch.tensor([-30.0, -9.0, 9.0])).isfinite().all()


def test_the_finished_rock_is_drawn_and_what_is_refined_is_decided() -> None:
    generator = small(decision_noise=1.0).eval()
    drawn, decided = (
        generator(replace(block_of(4), temperature=t), 3).octree.classes for t in (1.0, 0.0)
    )
    assert all(map(torch.equal, drawn[:-1], decided[:-1]))
    assert not torch.equal(drawn[-1], decided[-1])


def test_in_training_too_what_will_be_refined_is_decided() -> None:
    """A stage that is learning is what the next one will find."""
    assert small(decision_noise=1.0)(block_of(4), 2).noise is None


def test_what_the_lr_image_is_not_sure_of_is_mixed() -> None:
    """Whatever a stage makes of it; elsewhere nothing changes."""
    generator, block = small(), block_of(4)
    for stage in (1, 2):
        before = generator(block, stage)
        generator.stages[stage - 1].refined_below.fill_(0.7)
        after = generator(block, stage)
        unsure = before.sure < 0.7
        assert unsure.any()
        assert (after.octree.classes[-1][unsure] == 3).all()
        torch.testing.assert_close(after.logits[~unsure], before.logits[~unsure])


def test_how_sure_the_lr_image_is_by_hand() -> None:
    """Half of the plane beside a voxel's centre is 3/4 its own and 1/8 of either neighbour."""
    generator = small()
    labels = torch.zeros((1, 4, 4, 4), dtype=torch.uint8)
    labels[:, 2:] = 1
    block = Block(labels, torch.zeros(1, 3, dtype=torch.int64), ((0, 0, 0), (4, 4, 4)), 1)
    sure = generator(block, 1).sure.view(2, 2, 2, 2, 2, 2).permute(0, 3, 1, 4, 2, 5)
    expected = torch.tensor([1, 0.875, 0.875, 1])[:, None, None].expand(4, 4, 4)
    torch.testing.assert_close(sure.reshape(4, 4, 4), expected)


@pytest.mark.parametrize(("codes", "lowest"), [((0, 1), 0.875), ((1, 2), 1.0)])
def test_phases_that_the_lr_image_does_not_tell_apart_count_as_one(
    codes: tuple[int, int], lowest: float
) -> None:
    """It knows where the pore begins, and nothing of where one mineral meets another."""
    generator = small()
    generator.stages[0].tied.copy_(torch.tensor([True, False, False]))
    labels = torch.full((1, 4, 4, 4), codes[0], dtype=torch.uint8)
    labels[:, 2:] = codes[1]
    block = Block(labels, torch.zeros(1, 3, dtype=torch.int64), ((0, 0, 0), (4, 4, 4)), 1)
    assert generator(block, 1).sure.min() == pytest.approx(lowest)


def test_another_seed_draws_another_rock_between_the_same_coarse_nodes() -> None:
    generator = small(decision_noise=1.0, noise=0)
    one, same, other = (generator(block_of(6, seed), 3).octree for seed in (1, 1, 2))
    assert all(map(torch.equal, one.classes, same.classes))
    assert all(map(torch.equal, one.classes[:-1], other.classes[:-1]))
    assert not torch.equal(one.classes[-1], other.classes[-1])


def test_at_no_temperature_nothing_is_drawn() -> None:
    growth = small(decision_noise=0.0)(block_of(4), 3)
    assert growth.noise is None
    torch.testing.assert_close(growth.scores, growth.logits)


def test_the_temperature_of_inference_is_a_multiple_of_that_of_training() -> None:
    generator = small(decision_noise=1.0)
    own, hot, none = (
        generator(replace(block_of(4), temperature=t), 3).noise for t in (1.0, 2.0, 0.0)
    )
    torch.testing.assert_close(hot, 2 * own)
    assert none is None
