"""Methods on equal terms, and what the page makes of what was measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from octolith.filtering import smooth
from octolith.phases import Phases
from octolith.settings.steps import SmoothSettings

methods = pytest.importorskip("validation.methods")
dense = pytest.importorskip("validation.dense")
cases = pytest.importorskip("validation.cases")
records = pytest.importorskip("validation.records")
page = pytest.importorskip("validation.page")
run = pytest.importorskip("validation.run")
supervised = pytest.importorskip("validation.supervised")


@pytest.fixture
def case(rng) -> object:
    """A rock of random voxels at 4x."""
    labels = (rng.random((24, 24, 24)) < 0.5).astype(np.uint8)
    fine = np.kron(labels, np.ones((4, 4, 4), np.uint8))
    images = [fine[z] for z in range(0, 96, 8)]
    small = np.ascontiguousarray(labels[:8, :8, :8])
    truth = np.kron(small, np.ones((4, 4, 4), np.uint8))
    return cases.Case(Phases.of(["pore", "grain"]), 4, images, labels, small, truth, truth)


def test_nearest_repeats_each_voxel(rng):
    lr = rng.integers(0, 3, (3, 4, 5)).astype(np.uint8)
    assert np.array_equal(
        methods.interpolate(lr, 3, 2, order=0), np.kron(lr, np.ones((2, 2, 2), np.uint8))
    )


@pytest.mark.parametrize("order", [1, 3])
def test_a_plane_between_two_phases_stays_where_it_is(order):
    lr = np.zeros((4, 4, 8), np.uint8)
    lr[:, :, 4:] = 1
    fine = methods.interpolate(lr, 2, 4, order)
    assert np.array_equal(fine[0, 0], np.repeat(np.uint8([0, 1]), 16))


def test_the_voxel_wise_loss_of_a_volume_that_blurs_to_lr_is_small(case):
    lr = torch.from_numpy(case.lr_judged)[None]
    fine = torch.nn.functional.one_hot(torch.from_numpy(case.truth)[None].long(), 2)
    right = dense.voxel_wise(lr, fine.movedim(-1, 1).float(), 4, [0, 1])
    wrong = dense.voxel_wise(lr, 1 - fine.movedim(-1, 1).float(), 4, [0, 1])
    assert right < 0.01
    assert wrong > 0.5


def test_dense_trains_and_gives_volumes_of_the_fine_shape(case):
    torch.set_num_threads(1)
    training = dense.Dense(case)
    before = [p.detach().clone() for p in training.generator.parameters()]
    training.step(of_generator=False)
    training.step(of_generator=True)
    after = training.generator.parameters()
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert training.super_resolve(case.lr_judged, 1).shape == case.truth.shape


def test_tiles_of_the_dense_generator_show_no_seam(case, monkeypatch):
    training = dense.Dense(case)
    whole = training.super_resolve(case.lr_judged, 1)
    monkeypatch.setattr(dense, "TILE", 4)
    assert np.array_equal(training.super_resolve(case.lr_judged, 1), whole)


def test_told_the_truth_of_what_lr_says_it_learns_it(rng, monkeypatch):
    """Grain reaches one fine voxel beyond LR's, along x: nothing is left open."""
    monkeypatch.setattr(supervised, "RATE", 1e-2)
    torch.manual_seed(0)
    labels = np.kron(rng.random((4, 4, 4)) < 0.4, np.ones((4, 4, 4))).astype(np.uint8)
    fine = np.kron(labels, np.ones((2, 2, 2), np.uint8))
    fine[:, :, 2::2] |= fine[:, :, 1:-1:2]
    phases = Phases.of(["pore", "grain"])
    told = cases.Case(phases, 2, [], labels, labels, fine, fine)
    run = supervised.Supervised(told)
    with torch.no_grad():
        before = float(run._loss(1))
    run.train(30)
    with torch.no_grad():
        assert float(run._loss(1)) < 0.5 * before
        assert float(run._loss(2)) < 0.1


def test_smoothing_is_that_of_the_step(case, tmp_path, monkeypatch):
    """On Octolith's volumes, trained where Octolith's own row has trained."""
    rough = (np.indices(case.truth.shape).sum(0) % 5 == 0).astype(np.uint8)
    folders = []

    def made(case, folder, threads):
        folders.append(folder)
        return methods.Made([rough], 3.0, 1.0)

    monkeypatch.setattr(methods, "octolith", made)
    for name, centre in (("smoothed", None), ("median", 1)):
        found = methods.METHODS[name][1](case, tmp_path / name, 1)
        wanted, _ = smooth(rough, 2, SmoothSettings(centre=centre))
        assert np.array_equal(found.volumes[0], wanted)
        assert found.training_s == 3.0
    assert folders == [tmp_path / "octolith"] * 2


def test_what_was_measured_is_not_measured_again_and_is_on_the_page(case, tmp_path, monkeypatch):
    monkeypatch.setitem(cases.CASES, "berea-4x", ("Tiny", lambda: case))
    kept = records.Records(tmp_path / "cache", tmp_path / "published.json")
    for method in ("nearest", "cubic"):
        run.measure("berea-4x", method, kept, tmp_path, threads=1)
    run.rock.cache_clear()
    monkeypatch.setitem(cases.CASES, "berea-4x", ("Tiny", lambda: pytest.fail("measured again")))
    run.measure("berea-4x", "nearest", kept, tmp_path, threads=1)
    kept.publish()
    elsewhere = records.Records(tmp_path / "nothing", tmp_path / "published.json")
    text = page.page(elsewhere.all(), tmp_path)
    assert "## Tiny" in text and "| IoU, pore | 1.000 |" in text
    assert "- Tiny: trilinear, another part of the rock" in text
    assert "before a mend" not in text


def test_records_of_before_a_mend_are_named_with_it(case, tmp_path, monkeypatch):
    monkeypatch.setitem(cases.CASES, "berea-4x", ("Tiny", lambda: case))
    kept = records.Records(tmp_path / "cache", tmp_path / "published.json")
    run.rock.cache_clear()
    for method in ("nearest", "cubic"):
        record = run.measure("berea-4x", method, kept, tmp_path, threads=1)
    run.rock.cache_clear()
    kept.write(record | {"notes": {"before": "Ties went to grain. Made with that:"}})
    text = page.page(kept.all(), tmp_path)
    assert (
        "## Measured before a mend\n\n- Ties went to grain. Made with that: berea-4x (cubic)."
        in text
    )
