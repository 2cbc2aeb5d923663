"""The configuration is checked whole, at once, and in words that say how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from octolith.cli import app
from octolith.errors import InputError
from octolith.settings import Sample, load, read_samples

ROOT = Path(__file__).parents[2]
TWO_PHASES = {
    "phases": ["pore", "grain"],
    "segmentations": {"a": {"labels": {0: "pore", 1: "grain"}}},
    "describe": {"descriptors": ["triple_phase_boundary"]},
}
PAPER = {"train": {"preset": "paper"}}
GOOD = {
    "phases": ["pore", "quartz"],
    "segmentations": {"labels": {"labels": {0: "pore", 1: "quartz"}}},
}
SHEET = "sample\tlr\tlr_segmentation\thr\thr_segmentation\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scael": 4}, "scael: found a key that does not exist.*Did you mean 'scale'"),
        ({"scale": 12}, "scale: found 12, expected 2, 4, 8, 16, 32 or 64.*power of two"),
        ({"phases": ["pore"]}, "phases: found 1 names, expected 2 to 16"),
        ({"phases": ["pore", "pore"]}, "expected each name once"),
        ({"pore": "void"}, r"pore: found 'void', expected one of \['pore'"),
        ({"train": {"preset": "papr"}}, r"train.*preset: found 'papr', expected one of \['laptop'"),
        ({"train": {"all": {"epochs": -1}}}, "train.all: epochs: found -1"),
        ({"train": {"all": {"lerning_rate": 1}}}, "train.all: .*Did you mean 'learning_rate'"),
        ({"train": {"voxel_weight": 9}}, r"voxel_weight: .* Say train: {all: {voxel_weight: …}}"),
        ({"train": {"entry": 32}}, "entry: .*expected it in train.critic"),
        ({"train": {"stages": {2: {"epochs": -1}}}}, "train.stages.2: epochs: found -1"),
        ({"train": {"stages": {2: {"lerning_rate": 1}}}}, "Did you mean 'learning_rate'"),
        ({"smooth": {"size": 4}}, "configuration: smooth.size: found 4, expected an odd number"),
        ({"segmentations": {"a": {"denoise": {"size": 4}}}}, r"segmentations\.a\.denoise\.size: "),
        ({"network": {"transport": {"m": {}}}}, r"network\.transport: found {'m': {}}"),
        ({"describe": {"descriptors": ["porosty"]}}, "describe.descriptors: found 'porosty'"),
        ({"train": {"stages": {2: {"betas": [0, 1]}}}}, "train.stages.2: betas.1: found 1"),
        ({"train": {"all": {"critic_learning_rate": 0}}}, "critic_learning_rate: found 0"),
        ({"train": {"generator": {"widths": []}}}, r"train.generator: widths: found \[\]"),
        ({"train": {"critic": {"widths": [0]}}}, "train.critic: widths.0: found 0"),
        ({"segmentations": {"a": {"labels": {0: "gold"}}}}, "the unknown phase 'gold'"),
        ({"segmentations": {"a": {"bnads": {}}}}, "Did you mean 'bands'"),
        (
            {"segmentations": {"bands": {"pore": [[0, 9]]}}},
            "'bands' without a name, .*scan: {bands",
        ),
        (
            {"segmentations": {"labels": {0: "pore"}}},
            "segmentations: found 'labels' without a name",
        ),
        ({"segmentations": {"labels": {"lables": {0: "pore"}}}}, "Did you mean 'labels'"),
        ({"train": {"all": {"tied_phases": ["quarz"]}}}, "stages.1.tied_phases: .*phase 'quarz'"),
        ({"train": {"stages": {6: {"epochs": 2}}}}, r"found \[6\], expected stages from 1 to 5"),
        (TWO_PHASES, "describe.descriptors: found triple_phase_boundary, expected three phases"),
        (PAPER | {"superresolve": {"temperature": 0}}, "temperature: .* nothing is drawn"),
        ({"train": {"preset": "paper", "all": {"mixed_factor": 2}}}, "mixed_factor: .*calibrate"),
        ({"network": {"transport": {"air": {"por": 1}}}}, "transport.air: .* phase 'por'"),
        ({"train": {"lr_cube": 18}}, "trunk: found 1 layers on a face of 18, .* multiple of 4"),
        ({"train": {"critic": {"trunk": [8] * 4}}}, "trunk: found 4 layers .* multiple of 32"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(GOOD | changes)
    assert "\n" not in str(caught.value)


def test_a_missing_and_a_broken_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(InputError, match=r"broken\.yaml: found .*, expected YAML"):
        load(tmp_path / "broken.yaml")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "found no samples"),
        ("a\tx.tif\tlabels\th.tif\tlabels\na\tx.tif\tlabels\th.tif\tlabels\n", "line 3.*'a' again"),
        ("a b\tx.tif\tlabels\th.tif\tlabels\n", "found 'a b', expected letters"),
        ("a;rm\tx.tif\tlabels\th.tif\tlabels\n", "found 'a;rm', expected letters"),
        ("a\tx.tif\tct\th.tif\tlabels\n", r"lr_segmentation: found 'ct', expected one of"),
        ("a\tx.tif\tlabels\t\tlabels\n", "hr: found nothing"),
        ("a\tx.tif\tlabels\th.tif\tlabels\textra\n", "found 6 cells, expected 5"),
    ],
)
def test_a_bad_sample_sheet_names_its_line(tmp_path: Path, rows: str, message: str) -> None:
    sheet = tmp_path / "samples.tsv"
    sheet.write_text(SHEET + rows)
    with pytest.raises(InputError, match=message):
        read_samples(sheet, load(GOOD))


def test_a_truth_needs_a_segmentation_of_its_own(tmp_path: Path) -> None:
    sheet = tmp_path / "samples.tsv"
    sheet.write_text(SHEET.rstrip("\n") + "\ttruth\na\tx.tif\tlabels\th.tif\tlabels\tt.tif\n")
    with pytest.raises(InputError, match=r"line 2: truth_segmentation: found '', expected one of"):
        read_samples(sheet, load(GOOD))


def test_what_no_2d_image_shows_is_no_phase_of_the_rock(tmp_path: Path) -> None:
    sheet = tmp_path / "samples.tsv"
    sheet.write_text(SHEET + "a\tx.tif\tlabels\th.tif\tlabels\n")
    config = load(GOOD | {"phases": ["pore", "quartz", "clay"]})
    message = r"line 2: hr_segmentation: found 'labels', which makes no \['clay'\]"
    with pytest.raises(InputError, match=message):
        read_samples(sheet, config)


def test_a_sheet_without_tabs_says_so(tmp_path: Path) -> None:
    sheet = tmp_path / "samples.tsv"
    sheet.write_text((SHEET + "a\tx.tif\tlabels\th.tif\tlabels\n").replace("\t", "  "))
    with pytest.raises(InputError, match=r"found one column.* Separate by tabs"):
        read_samples(sheet, load(GOOD))


@pytest.mark.parametrize(
    ("encoding", "found"), [("latin-1", "the byte 0xb5 in line 2"), ("utf-16", "the byte 0xff")]
)
def test_what_is_not_utf_8_is_named(tmp_path: Path, encoding: str, found: str) -> None:
    message = rf"{{}}: found {found}.*, expected UTF-8 text\. Save it as UTF-8\."
    (tmp_path / "config.yaml").write_text("scale: 4\n# 2 µm\n", encoding)
    with pytest.raises(InputError, match=message.format("config.yaml")):
        load(tmp_path / "config.yaml")
    (tmp_path / "samples.tsv").write_text(SHEET + "# 2 µm\n", encoding)
    with pytest.raises(InputError, match=message.format("samples.tsv")):
        read_samples(tmp_path / "samples.tsv", load(GOOD))


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(GOOD), "utf-8-sig")
    config = load(tmp_path / "config.yaml")
    assert config == load(GOOD)
    (tmp_path / "samples.tsv").write_text(SHEET + "a\tx.tif\tlabels\th.tif\tlabels", "utf-8-sig")
    assert list(read_samples(tmp_path / "samples.tsv", config)) == ["a"]


def anisotropic(hr: str, axes: str) -> Sample:
    given = {"sample": "a", "lr": "x.tif", "lr_segmentation": "s", "hr_segmentation": "s"}
    return Sample.read(given | {"hr": hr, "hr_axes": axes}, "samples.tsv")


def test_the_axes_of_anisotropic_images_follow_their_files(tmp_path: Path) -> None:
    for name in ("xy1.tif", "xy2.tif", "xz.tif"):
        (tmp_path / name).touch()
    sample = anisotropic(f"{tmp_path}/xy*.tif; {tmp_path}/xz.tif", "z;xy")
    assert [Path(file).name for file in sample.hr_files()] == ["xy1.tif", "xy2.tif", "xz.tif"]
    assert sample.hr_file_axes() == ["z", "z", "yx"]
    assert anisotropic(f"{tmp_path}/*.tif", "").hr_file_axes() is None


@pytest.mark.parametrize("axes", ["z", "z;y", "z;yz", "z;yx;x", "a;yx", "zz;yx"])
def test_axes_that_leave_one_out_or_name_one_twice_are_refused(axes: str) -> None:
    with pytest.raises(InputError, match=r"hr_axes: found .*, expected axes for each of"):
        anisotropic("a.tif;b.tif", axes)


def test_images_that_are_kept_from_training_are_others_than_those_of_training(
    tmp_path: Path,
) -> None:
    for name in ("a.tif", "b.tif", "c.tif"):
        (tmp_path / name).touch()
    given = {"sample": "a", "lr": "x.tif", "lr_segmentation": "s", "hr_segmentation": "s"}
    given |= {"hr": f"{tmp_path}/[ab].tif"}
    assert Sample.read(given, "samples.tsv").reference == "hr"
    apart = Sample.read(given | {"hr_test": f"{tmp_path}/c.tif"}, "samples.tsv")
    assert apart.reference == "hr_test"
    assert [Path(file).name for file in apart.hr_test_files()] == ["c.tif"]
    assert Sample.read(given | {"hr_test": ";"}, "samples.tsv").reference == "hr"
    (tmp_path / "link.tif").symlink_to(tmp_path / "a.tif")
    for pattern in (f"{tmp_path}/*.tif", f"{tmp_path}/link.tif", f"{tmp_path}/../*/b.tif"):
        both = Sample.read(given | {"hr_test": pattern}, "samples.tsv")
        with pytest.raises(InputError, match=r"hr_test: found .*\.tif, which 'hr' has too"):
            both.hr_test_files()


def test_what_ships_is_valid() -> None:
    for sheet in ROOT.glob("config/**/samples.tsv"):
        config = load(sheet.with_name("config.yaml"))
        assert read_samples(sheet, config)


def test_a_stage_hears_of_its_own_changes_alone() -> None:
    before = load(GOOD).train
    after = load(GOOD | {"train": {"stages": {2: {"learning_rate": 7e-4}}}}).train
    assert after.stage(2).learning_rate == 7e-4
    assert after.stage(1) == before.stage(1)
    assert after.only(1) == before.only(1)
    assert after.only(2) != before.only(2)


def test_the_schemas_in_the_checkout_are_those_of_the_code(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["schema", str(tmp_path)])
    assert done.exit_code == 0, done.output
    written = {p.name: p.read_text() for p in tmp_path.iterdir()}
    shipped = {p.name: p.read_text() for p in (ROOT / "config" / "schemas").iterdir()}
    assert written == shipped, "run `octolith schema`"
