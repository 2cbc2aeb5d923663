"""The parts of the report: numbers in words, verdicts, cautions, and pictures that are right."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import math
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from octolith import machine
from octolith.errors import InputError
from octolith.layout import Layout
from octolith.phases import OUTSIDE, Phases
from octolith.report import cautions, charts, judgement, pictures, pore_space, views, words
from octolith.report.crate import write_crate
from octolith.report.overview import read_rock
from octolith.report.page import _training, embedded
from octolith.report.run import open_run, phase_fractions
from octolith.settings import Config, Sample
from octolith.steps.report import report
from octolith.steps.segment import segment_images
from octolith.volumes import open_volume, write_volume

PHASES = Phases.of(["pore", "grain"])


def decoded(uri: str) -> np.ndarray:
    """Palette indices of a PNG in a data address."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"), (12.3456, "12.3"), (1234567, "1,234,567"), (0.0, "0"),
        (-2.5, "−2.50"), (19.0, "19"), (1.234e-5, "1.23 × 10⁻⁵"), (float("nan"), "–"), (None, "–"),
        ("quartz", "quartz"), (True, "yes"),
    ],
)  # fmt: skip
def test_numbers_keep_three_figures(value: object, text: str) -> None:
    assert words.number(value) == text


def test_times_and_sizes_are_said_as_people_say_them() -> None:
    assert words.duration(3.24) == "3.2 s"
    assert words.duration(75) == "1 min 15 s"
    assert words.duration(7320) == "2 h 2 min"
    assert words.duration(200_000) == "2 d 7 h"
    assert words.duration(math.nan) == "–"
    assert words.size(1536) == "1.5 KiB"
    assert words.size(3 * 2**30) == "3.0 GiB"


def test_json_in_the_page_cannot_close_its_script() -> None:
    text = embedded({"name": "</script><script>alert(1)</script>"})
    assert "<" not in text
    assert json.loads(text)["name"] == "</script><script>alert(1)</script>"


# -- verdicts ----------------------------------------------------------------------------------


def compared(**changes: object) -> pd.DataFrame:
    row = {
        "descriptor": "volume_fraction", "phase": "pore", "other": "", "reference": "HR",
        "lr_distance": 0.1, "sr_distance": 0.05, "unit": "1", "ratio": 0.5, "closer": True,
        "spread": 0.01, "sure": 0.99,
    }  # fmt: skip
    return pd.DataFrame([row | changes])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "closer"),
        ({"spread": math.nan}, "closer"),
        ({"sr_distance": 0.2, "sure": 0.01}, "farther"),
        ({"spread": 0.06}, "within chance"),
        ({"sure": 0.8}, "within chance"),
        ({"spread": math.nan, "sure": math.nan}, "within chance"),
        ({"sr_distance": 0.1, "spread": math.nan, "sure": 0.99}, "within chance"),
        ({"lr_distance": math.nan}, "not measured"),
    ],
)
def test_a_gain_counts_only_beyond_chance(changes: dict[str, object], word: str) -> None:
    [verdict] = judgement.verdicts(compared(**changes), {})
    assert verdict.word == word


def test_the_score_counts_every_measured_row_once() -> None:
    table = pd.concat(
        [
            compared(),
            compared(phase="quartz", sr_distance=0.2, sure=0.0),
            compared(phase="clay", sure=0.5),
            compared(phase="feldspar", sr_distance=math.nan),
        ]
    )
    [score] = judgement.scores(judgement.verdicts(table, {}))
    assert (score.closer, score.farther, score.undecided, score.rows) == (1, 1, 1, 3)
    assert score.change == pytest.approx(-0.5)
    assert score.words == (
        "SR is closer to HR than LR in 1 of 3 rows, farther in 1, and within chance in 1; "
        "the median distance shrank by 50\N{NO-BREAK SPACE}%."
    )


def test_the_chosen_epoch_is_the_first_of_the_lowest_error() -> None:
    log = pd.DataFrame({"epoch": [1, 2, 3, 4], "error": [0.5, math.nan, 0.2, 0.2]})
    assert charts.chosen_epoch(log) == 3
    assert charts.chosen_epoch(log.drop(columns="error")) is None


def test_a_grid_that_shows_through_is_noticed() -> None:
    """Planes that change at every fourth face far more often than at the others."""
    rng = np.random.default_rng(0)
    inside = rng.uniform(0.04, 0.06, 60)
    assert cautions._excess(rng.uniform(0.14, 0.16, 20), inside) == pytest.approx(3, rel=0.1)
    assert cautions._excess(rng.uniform(0.04, 0.06, 20), inside) == 1.0
    assert cautions._excess(np.array([]), inside) == 1.0


def test_a_seam_is_noticed_wherever_the_field_of_view_begins() -> None:
    """Stripes that are redrawn at every eighth plane, and a cut in the middle."""
    rng = np.random.default_rng(0)
    part = np.repeat(rng.integers(0, 2, (12, 24, 24)), 8, axis=0)
    noise = rng.random(part.shape) < 0.1
    cells, blocks = cautions.grid_excess((part ^ noise)[3:], first=3, cell=8, seams=[])
    assert cells > 2
    assert blocks == 1.0
    cells, _ = cautions.grid_excess((part ^ noise)[3:], first=0, cell=8, seams=[])
    assert cells == 1.0


# -- network and machine -----------------------------------------------------------------------


def test_only_what_conducts_is_drawn_and_in_the_order_of_the_axes() -> None:
    rows = [
        ("permeability", "z", 3.0, "mD", 0.5), ("permeability", "x", 1.0, "mD", 0.5),
        ("relative_diffusivity (pore)", "x", 0.0, "1", 0.0), ("pores", "", 9.0, "1", 0.0),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["property", "axis", "value", "unit", "spread"])
    [chart] = charts.axis_charts({"LR": table, "SR": table})
    [axis] = chart.figure.axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["x", "z"]
    assert axis.get_ylabel() == "mD"
    assert chart.words == "Means over the axes: LR 2; SR 2 mD."


def test_a_log_names_the_machine_that_it_was_written_on(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(f"$ python step.py\n{machine.line()}\nepoch 1\n", "utf-8")
    assert " cores, " in machine.read_line(log)
    log.write_text("$ python step.py\nepoch 1\n", "utf-8")
    assert machine.read_line(log) == ""
    assert machine.read_line(tmp_path / "none.log") == ""


# -- pictures ----------------------------------------------------------------------------------


def test_a_label_picture_has_the_phases_colours() -> None:
    labels = np.uint8([[0, 1, 2, OUTSIDE]])
    picture = Image.open(io.BytesIO(pictures.label_png(labels, PHASES))).convert("RGB")
    found = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.asarray(picture)[0].tolist()]
    assert found == [*PHASES.colours, "#ffffff", pictures.OUTSIDE_COLOUR]


def test_grey_runs_from_black_to_white() -> None:
    picture = Image.open(io.BytesIO(pictures.grey_png(np.array([[0, 5, 10, 99]]), 0, 10)))
    assert np.asarray(picture).tolist() == [[0, 127, 255, 255]]


def test_fractions_count_only_rock(tmp_path: Path) -> None:
    labels = np.full((4, 4, 4), OUTSIDE, np.uint8)
    labels[0, 0] = [0, 1, 1, 1]
    write_volume(tmp_path / "rock.h5", labels, (1, 1, 1), phases=PHASES)
    with open_volume(tmp_path / "rock.h5") as volume:
        assert phase_fractions(volume, PHASES) == {"pore": 0.25, "grain": 0.75}


def test_counting_takes_little_beside_the_slab(tmp_path: Path) -> None:
    labels = np.zeros((64, 128, 128), np.uint8)
    write_volume(tmp_path / "rock.h5", labels, (1, 1, 1), phases=PHASES)
    with open_volume(tmp_path / "rock.h5") as volume:
        tracemalloc.start()
        phase_fractions(volume, PHASES)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4 * labels.nbytes


def test_pores_span_if_they_reach_the_opposite_face() -> None:
    pore = np.zeros((4, 4, 4), bool)
    pore[:, 1, 1] = True  # from bottom to top
    pore[0, 3, 3] = pore[3, 3, 3] = True  # both faces, but not the same cluster
    pore[0, 1, 2] = True  # hangs on the straight one
    through = pore_space.spanning(pore)
    assert through.sum() == 5
    assert not through[0, 3, 3]


def test_merged_cells_hold_the_share_of_pore() -> None:
    pore = np.zeros((2, 2, 4), bool)
    pore[:, :, 0] = True
    assert pore_space.pore_share(pore, 2).tolist() == [[[128, 0]]]


# -- on a real run -----------------------------------------------------------------------------


def test_every_slice_of_the_viewer_is_the_plane_that_it_says(rock: tuple[Config, Sample]) -> None:
    with open_run(*rock) as run:
        data = views.viewer(run, views.field_of_view(run))
        assert [layer["name"] for layer in data["layers"]] == [
            "CT, grey", "LR", "SR, realisation 0", "SR, realisation 1", "truth",
        ]  # fmt: skip
        volumes = {"LR": (run.lr, 1), "SR, realisation 0": (run.sr[0], 4), "truth": (run.truth, 4)}
        for layer in data["layers"]:
            if layer["name"] not in volumes:
                continue
            volume, scale = volumes[layer["name"]]
            assert volume is not None
            for axis in range(3):
                slices, positions = layer["slices"][axis], data["positions"][axis]
                for at in (0, len(positions) // 2, len(positions) - 1):
                    shown = decoded(slices["images"][slices["index"][at]])
                    plane = volume.read().take(positions[at] * scale // 4, axis)
                    np.testing.assert_array_equal(shown, plane)


def test_the_windows_of_a_column_show_one_place(rock: tuple[Config, Sample]) -> None:
    with open_run(*rock) as run:
        edge_um, rows = views.windows(run, views.field_of_view(run))
        assert run.truth is not None
        truth = run.truth.read()
    assert [row[0].image for row in rows] == ["LR", "SR", "truth", "HR"]
    assert edge_um == 96.0
    np.testing.assert_array_equal(decoded(rows[2][1].uri), truth[48 + 2])
    assert [window.words for window in rows[0]] == [window.words for window in rows[1]]


def test_the_octree_of_a_slice_ends_at_the_stitched_volume(rock: tuple[Config, Sample]) -> None:
    with open_run(*rock) as run:
        box, z = views.Box((0, 2, 4), (24, 20, 24)), 37
        planes = views.slice_by_stage(run.block_groups, box, z, 3, len(run.phases))
        with open_volume(run.layout.stitched(0)) as volume:
            stitched = volume[z, 8:80, 16:96]
    np.testing.assert_array_equal(planes[-1], stitched)
    mixed = [float((plane == 4).mean()) for plane in planes]
    assert mixed[0] > mixed[1] > mixed[2] == 0


def test_blocks_beside_the_field_of_view_are_not_decoded(
    rock: tuple[Config, Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 LR voxels in blocks of 12: one of the four blocks of a layer has the corner."""
    decoded_blocks = []
    read = views.Blocks.read
    monkeypatch.setattr(
        views.Blocks, "read", lambda self, cut: decoded_blocks.append(cut) or read(self, cut)
    )
    with open_run(*rock) as run:
        box = views.Box((0, 12, 0), (24, 20, 12))
        views.slice_by_stage(run.block_groups, box, 37, 3, len(run.phases))
    assert [cut.low for cut in decoded_blocks] == [(0, 12, 0)]


def test_nodes_are_summed_over_all_blocks(rock: tuple[Config, Sample]) -> None:
    with open_run(*rock) as run:
        nodes = run.nodes[run.nodes["realisation"] == 0].set_index("stage")
        assert nodes.loc[1, "nodes"] == 24**3
        assert nodes.loc[2, "nodes"] == 8 * nodes.loc[1, "mixed"]
        assert nodes.loc[3, "mixed"] == 0


def test_a_seam_lies_where_the_volume_was_cut(rock: tuple[Config, Sample], tmp_path: Path) -> None:
    """24 LR voxels in blocks of 10 at most: cut at 8 and 16, and not at 10 and 20."""
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 2, (3, 96, 96), np.uint8), 32, axis=0)
    labels ^= rng.random(labels.shape) < 0.05
    config, _ = rock
    cut = config.superresolve.model_copy(update={"block": 10})
    with open_run(*rock) as run:
        write_volume(tmp_path / "sr.h5", labels, (1, 1, 1), phases=run.phases)
        with open_volume(tmp_path / "sr.h5") as sr:
            changed = config.model_copy(update={"superresolve": cut})
            seamed = dataclasses.replace(run, config=changed, sr=[sr])
            [caution] = cautions._imprint(seamed, views.field_of_view(seamed))
    assert "across the faces of blocks as elsewhere (along z," in caution


def test_what_earlier_runs_left_is_not_counted(rock: tuple[Config, Sample], tmp_path: Path) -> None:
    """Smaller jobs, more cubes and epochs, another descriptor and a truth, all since taken back."""
    config, sample = mirrored(rock, tmp_path)
    here = tmp_path / sample.sample
    grown = here / "superresolve" / "realisation0"
    for suffix in ("h5", "csv"):
        (grown / f"group1.{suffix}").symlink_to(grown / f"group0.{suffix}")
    samples = here / "train" / "stage1" / "samples"
    (samples / "epoch0009.png").symlink_to(samples / "epoch0001.png")
    own = {
        "ingest-lr", "segment-hr", "pyramid-figure", "train-stage3", "describe-compare",
        "describe-volume_fraction", "superresolve-realisation1-group0", "network-change",
        "export-realisation1.tif", "transport-sr-subvolume0-x",
    }  # fmt: skip
    others = {
        "train-stage4", "superresolve-realisation0-group1", "superresolve-realisation2-group0",
        "smooth-realisation2", "describe-glcm", "network-lr-subvolume1", "segment-truth",
        "network-truth", "segment-hr_test", "transport-truth-subvolume0-x",
        "export-realisation1.ome.zarr",
    }  # fmt: skip
    (here / "benchmarks").mkdir()
    for job in own | others:
        (here / "benchmarks" / f"{job}.tsv").write_text("s\tmax_rss\n1.0\t9.0\n")
    with open_run(config, sample.model_copy(update={"truth": ""})) as run:
        nodes = run.nodes.set_index(["realisation", "stage"])["nodes"]
        assert nodes[0, 1] == 24**3
        assert run.block_groups == [grown / "group0.h5"]
        assert set(run.jobs["job"]) == own
        assert set(run.given) == {"lr"}
        assert _training(run, 1)["sample_epoch"] == 2


@pytest.mark.parametrize(
    "lost",
    [
        "segment/lr.h5",
        "smooth/realisation0.h5",
        "superresolve/realisation1/group0.csv",
        "train/stage2/log.csv",
        "describe/comparison.csv",
        "describe/volume_fraction.csv",
    ],
)
def test_a_missing_result_is_named(rock: tuple[Config, Sample], tmp_path: Path, lost: str) -> None:
    config, sample = mirrored(rock, tmp_path)
    (tmp_path / sample.sample / lost).unlink()
    with (
        pytest.raises(InputError, match=f"{re.escape(lost)}: found no such file"),
        open_run(config, sample),
    ):
        pass


def test_volumes_of_another_scale_are_refused(rock: tuple[Config, Sample]) -> None:
    config, sample = rock
    with (
        pytest.raises(InputError, match=r"realisation0.h5: found \(96, 96, 96\) voxels"),
        open_run(config.model_copy(update={"scale": 8}), sample),
    ):
        pass


def mirrored(rock: tuple[Config, Sample], folder: Path) -> tuple[Config, Sample]:
    """The run again, in links that a test may remove."""
    config, sample = rock
    source = Path(config.results) / sample.sample
    for path in source.rglob("*"):
        if path.is_file():
            link = folder / sample.sample / path.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return config.model_copy(update={"results": str(folder)}), sample


def test_overlap_with_the_truth_is_that_of_the_volumes(rock: tuple[Config, Sample]) -> None:
    with open_run(*rock) as run:
        everything, *phases = judgement.overlaps(run, views.field_of_view(run))
        assert run.truth is not None
        truth, sr = run.truth.read(), run.sr[0].read()
    assert everything.sr == pytest.approx((truth == sr).mean())
    quartz = phases[1]
    both, either = (truth == 1) & (sr == 1), (truth == 1) | (sr == 1)
    assert (quartz.phase, quartz.sr) == ("quartz", pytest.approx(both.sum() / either.sum()))
    assert everything.lr > 0.5


def test_realisations_that_hardly_differ_are_a_caution(rock: tuple[Config, Sample]) -> None:
    with open_run(*rock) as run:
        box = views.field_of_view(run)
        first, second = (volume.read() for volume in run.sr)
        assert judgement.agreement(run, box) == pytest.approx((first == second).mean())
        same = dataclasses.replace(run, sr=[run.sr[0], run.sr[0]])
        [caution] = cautions._realisations(same, box)
    assert caution.startswith("The realisations hardly differ (100.00")


def test_coming_closer_to_what_it_learned_from_is_called_no_test(
    rock: tuple[Config, Sample], tmp_path: Path
) -> None:
    config, sample = mirrored(rock, tmp_path)
    alone = sample.model_copy(update={"truth": ""})
    with open_run(config, alone) as run:
        [caution] = cautions._circular(run)
        assert caution.startswith("HR are the images that training learned from")
        learnt = run.hr.names
    with open_run(config, sample) as run:  # there is a truth
        assert cautions._circular(run) == []
    at = Layout(config.results, sample.sample)
    segment_images(
        alone.hr_files()[:1], at.labels("hr_test"), config.segmentations[sample.hr_segmentation],
        config.rock, pixel_um_target=1.0, learnt=False,
    )  # fmt: skip
    (tmp_path / "kept.tif").write_bytes(Path(alone.hr_files()[0]).read_bytes())
    apart = alone.model_copy(update={"hr_test": str(tmp_path / "kept.tif")})
    with open_run(config, apart) as run:
        assert cautions._circular(run) == []
        assert (run.hr.names, run.learnt.names) == (learnt[:1], learnt)
    report(config, apart, at.report)
    assert "kept from training and held against the outcome" in " ".join(
        Path(at.report).read_text("utf-8").split()
    )
    images = pd.read_csv(at.path("report", "images.csv"))
    assert images["for"].tolist() == ["training"] * len(learnt) + ["comparison (HR)"]


# -- beside the page ---------------------------------------------------------------------------


def test_a_page_without_its_summary_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"report\.json"):
        read_rock(tmp_path / "berea" / "report.html", tmp_path)


def test_the_crate_lists_what_the_run_made_and_what_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "berea" / "smooth").mkdir(parents=True)
    (tmp_path / "berea" / "smooth" / "realisation0.h5").write_bytes(b"12345")
    (tmp_path / "berea" / "smooth" / "realisation1.h5").write_bytes(b"of an earlier run")
    (tmp_path / "index.html").write_text("page")
    write_crate(
        tmp_path,
        [
            {
                "sample": "berea", "scale": 4, "written": "2026-01-01T00:00:00+00:00",
                "lr": {"voxel_um": 4.0}, "sr": {"voxel_um": 1.0}, "commit": "abc",
                "versions": {"octolith": "1.0"},
                "files": ["smooth/realisation0.h5", "export/realisation0.tif"],
                "checksums": [
                    {"what": "LR image", "path": "in/ct.tif", "bytes": 7, "sha256": "f00"},
                    {"what": "weights, stage 1", "path": "w", "bytes": 1, "sha256": "bad"},
                ],
            }
        ],
    )  # fmt: skip
    crate = json.loads((tmp_path / "ro-crate-metadata.json").read_text("utf-8"))
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert entities["./"]["hasPart"] == [{"@id": "index.html"}, {"@id": "berea/"}]
    assert entities["berea/smooth/realisation0.h5"]["contentSize"] == "5"
    action = entities["#run-berea"]
    assert action["object"] == [{"@id": "#f00"}]
    assert action["result"] == [{"@id": "berea/smooth/realisation0.h5"}]
    references = [
        part["@id"]
        for entity in entities.values()
        for value in entity.values()
        for part in (value if isinstance(value, list) else [value])
        if isinstance(part, dict) and not part["@id"].startswith("https:")
    ]
    assert set(references) <= set(entities)
