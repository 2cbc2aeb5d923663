"""The page as a reader has it: one file, safe, whole; and, in Chromium, alive."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import h5py
import pandas as pd
import pytest

from browser import Browser, find
from octolith.errors import InputError
from octolith.settings import Config, Sample
from octolith.steps.network import compare
from octolith.steps.report import index, report

LIMIT = 15 * 2**20
NASTY = "<img src=x onerror=window.pwned=1></script><script>window.pwned=1</script>.tif"


@pytest.fixture(scope="module")
def page(rock: tuple[Config, Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the tiny run, with an HR image, a descriptor and a property named by a villain,
    and with what Snakemake and the pore network would have left."""
    config, sample = rock
    folder = tmp_path_factory.mktemp("page")
    here = folder / sample.sample
    shutil.copytree(Path(config.results) / sample.sample, here)
    with h5py.File(here / "segment" / "hr.h5", "r+") as file:
        file["image0"].attrs["name"] = NASTY
    table = pd.read_csv(here / "describe" / "volume_fraction.csv")
    table.replace({"descriptor": {"volume_fraction": NASTY}}).to_csv(
        here / "describe" / "volume_fraction.csv", index=False
    )
    write_network(here / "network")
    for name in ("benchmarks", "logs"):
        (here / name).mkdir()
    for job in ("ingest-lr", "train-stage1", "superresolve-realisation0-group0"):
        (here / "benchmarks" / f"{job}.tsv").write_text("s\th:m:s\tmax_rss\n61.5\t0:01:01\t512.0\n")
        (here / "logs" / f"{job}.log").write_text(
            "$ python step.py\non: Quick CPU, 8 cores, a GPU\n"
        )
    (here / "benchmarks" / "smooth-realisation0.tsv").write_text("s\th:m:s\tmax_rss\n0.1\t0\t-\n")
    out = here / "report.html"
    report(config.model_copy(update={"results": str(folder)}), sample, out)
    index([out], folder / "index.html")
    return out


def write_network(folder: Path) -> None:
    """What the network step leaves: LR, and SR that conducts twice as well."""
    for image, factor in (("lr", 1), ("sr", 2)):
        rows = [
            ("pores", "", 50 * factor, "1", 2.5),
            ("throat_diameter_median", "", 4 / factor, "µm", 0.5),
            ("percolates", "z", 0, "1", 0),
            ("permeability", "z", 0, "mD", 0),
            ("permeability", "x", 120.5 * factor, "mD", 12.5),
            ("formation_factor", "z", math.inf, "1", math.nan),
            (NASTY, "z", 3, "mD", math.nan),
        ]
        table = pd.DataFrame(rows, columns=["property", "axis", "value", "unit", "spread"])
        table = table.assign(method="porespy 3, openpnm 4", subvolumes=2)
        (folder / image).mkdir(parents=True)
        table.to_csv(folder / image / "properties.csv", index=False)
        for name in ("pores", "throats"):
            sizes = pd.DataFrame({"diameter_um": [1.0, 2.0, 4.0], "pore2": [1, 2, -1]})
            sizes.assign(subvolume=0).to_csv(folder / image / f"{name}.csv", index=False)
    compare(*(folder / image / "properties.csv" for image in ("lr", "sr")), folder / "change.csv")


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


# -- the file ----------------------------------------------------------------------------------


def test_the_page_is_one_file_that_asks_for_nothing(page: Path) -> None:
    assert page.stat().st_size < LIMIT
    tags = Tags(page.read_text("utf-8")).found
    assert not [tag for tag, _ in tags if tag in ("link", "iframe", "object", "embed", "base")]
    sources = [attrs["src"] or "" for _, attrs in tags if "src" in attrs]
    assert sources
    assert all(source.startswith("data:image/") for source in sources)


def test_its_links_lead_to_files_that_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    tags = Tags(text).found
    links = [attrs["href"] or "" for tag, attrs in tags if tag == "a"]
    for link in links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
        else:
            assert (page.parent / link).is_file(), link


def test_names_cannot_inject_markup(page: Path) -> None:
    text = page.read_text("utf-8")
    assert NASTY not in text
    assert not [attrs for _, attrs in Tags(text).found if "onerror" in attrs]
    assert "&lt;img src=x onerror" in text


def test_ids_are_unique(page: Path) -> None:
    ids = [attrs["id"] for _, attrs in Tags(page.read_text("utf-8")).found if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_what_machines_read_agrees_with_the_page(page: Path) -> None:
    summary = json.loads((page.parent / "report.json").read_text("utf-8"))
    text = page.read_text("utf-8")
    porosity = summary["fractions"]["SR"]["pore"]
    assert f"{porosity:.1%}".replace("%", "\N{NO-BREAK SPACE}%") in text
    fractions = pd.read_csv(page.parent / "report" / "fractions.csv", index_col="phase")
    assert fractions.loc["pore", "SR"] == pytest.approx(porosity)
    compared = pd.read_csv(page.parent / "report" / "comparison.csv")
    assert len(compared) == len(summary["comparison"])
    scores = pd.read_csv(page.parent / "report" / "scores.csv")
    measured = (compared["word"] != "not measured").sum()
    assert scores[["closer", "farther", "undecided"]].sum().sum() == measured
    overlaps = pd.read_csv(page.parent / "report" / "overlaps.csv", keep_default_na=False)
    assert overlaps["phase"].tolist() == ["", *summary["phases"]]
    assert len(pd.read_csv(page.parent / "report" / "images.csv")) == 3
    assert {row["step"]: row["jobs"] for row in summary["steps"]} == {
        "ingest": 1, "train": 1, "superresolve": 1, "smooth": 1,
    }  # fmt: skip
    assert summary["versions"]["octolith"]
    assert {row["what"] for row in summary["checksums"]} >= {"LR image", "HR image", "truth"}


def test_network_and_transport_are_shown_before_and_after(page: Path) -> None:
    table = pd.read_csv(page.parent / "report" / "network.csv", keep_default_na=False)
    rows = {(row["property"], row["axis"]): row for row in table.to_dict("records")}
    assert list(rows)[-1][0] == NASTY  # what nobody knows comes last
    x = rows["permeability", "x"]
    assert (x["LR"], x["LR spread"], x["SR"], float(x["ratio"])) == (120.5, "12.5", 241.0, 2.0)
    text = page.read_text("utf-8")
    assert "means over the cubes, ± their standard deviation" in text
    assert ">120 <small>± 12</small></td>" in text or ">121 <small>± 12</small></td>" in text
    assert ">∞</td>" in text
    summary = json.loads((page.parent / "report.json").read_text("utf-8"))
    [factor] = [row for row in summary["network"] if row["property"] == "formation_factor"]
    assert (factor["SR"], factor["SR spread"]) == ("Infinity", None)


def test_every_step_says_where_it_ran(page: Path) -> None:
    steps = pd.read_csv(page.parent / "report" / "steps.csv", index_col="step")
    assert steps.loc["train", "machine"] == "Quick CPU, 8 cores, a GPU"
    assert "not recorded" in page.read_text("utf-8")  # smooth has left no log


def test_it_names_the_files_that_were_made_and_none_of_an_earlier_run(page: Path) -> None:
    summary = json.loads((page.parent / "report.json").read_text("utf-8"))
    files = set(summary["files"])
    assert {"report.html", "report/steps.csv", "network/sr/pores.csv", "smooth/realisation0.h5",
            "train/stage3/weights.safetensors"} <= files  # fmt: skip
    realisations = summary["configuration"]["superresolve"]["realisations"]
    assert sum(name.startswith("smooth/") for name in files) == realisations
    described = {Path(name).stem for name in files if name.startswith("describe/")}
    assert described == {*summary["configuration"]["describe"]["descriptors"], "comparison"}


def test_pores_that_lead_nowhere_are_a_caution(page: Path) -> None:
    summary = json.loads((page.parent / "report.json").read_text("utf-8"))
    assert [c for c in summary["cautions"] if c.startswith("No pore of LR and SR leads through")]


def test_every_chart_is_saved_for_papers(page: Path) -> None:
    svgs = {path.stem for path in (page.parent / "report" / "figures").glob("*.svg")}
    pngs = {path.stem for path in (page.parent / "report" / "figures").glob("*.png")}
    assert svgs == pngs
    assert {"training-stage1-error", "network-pore-diameter", "network-permeability"} <= svgs


def test_tick_labels_keep_all_their_digits(page: Path) -> None:
    """Path data is rounded to make the page light; text must not be."""
    saved = (page.parent / "report" / "figures" / "training-stage3-error.svg").read_text("utf-8")
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", saved)
    assert texts
    assert all(f">{text}</text>" in page.read_text("utf-8") for text in texts)


def test_what_is_optional_may_be_absent(rock: tuple[Config, Sample], tmp_path: Path) -> None:
    """No truth, no network, one realisation, no figures: a page all the same, that says so."""
    config, sample = rock
    shutil.copytree(Path(config.results) / sample.sample, tmp_path / sample.sample)
    here = tmp_path / sample.sample
    (here / "smooth" / "realisation1.h5").unlink()
    shutil.rmtree(here / "segment" / "figures")
    (here / "ingest" / "lr.h5").unlink()
    bare = sample.model_copy(update={"truth": "", "truth_segmentation": ""})
    one = config.describe.model_copy(update={"descriptors": ("volume_fraction",)})
    few = config.model_copy(update={"results": str(tmp_path), "describe": one})
    report(few, bare, here / "report.html")
    text = (here / "report.html").read_text("utf-8")
    assert "Voxel for voxel against the truth" not in text
    assert "Not measured in this run." in text
    assert "There is one realisation" in text


def test_a_failed_report_leaves_no_page(rock: tuple[Config, Sample], tmp_path: Path) -> None:
    config, sample = rock
    out = tmp_path / sample.sample / "report.html"
    with pytest.raises(InputError, match="no such file"):
        report(config.model_copy(update={"results": str(tmp_path)}), sample, out)
    assert not out.exists()


# -- in the browser ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find()
    if program is None:
        pytest.skip("NO CHROMIUM FOUND: this check has not run (set OCTOLITH_CHROMIUM)")
    with Browser(program, tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


PIXELS = "document.getElementById('canvas').toDataURL()"
SET = """(([id, value]) => {{ const input = document.getElementById(id); input.value = value;
    input.dispatchEvent(new Event('input')); }})(['{}', {}])"""


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 800, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_opens_without_a_complaint_or_a_request(
    browser: Browser, page: Path, width: int, dark: bool
) -> None:
    browser.open(page, width, dark=dark)
    browser.wait("!document.getElementById('viewer').hidden")
    assert browser.complaints == []
    asked = {address for address in browser.requests if not address.startswith("data:")}
    assert asked == {page.resolve().as_uri()}
    assert browser.run("window.pwned === undefined")
    assert browser.run("document.documentElement.scrollWidth") <= width
    light = browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(250, 248, 244)"
    assert light is not dark


@pytest.mark.browser
def test_the_viewer_follows_its_controls(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait("document.getElementById('slice-at').value !== ''")
    seen = [browser.run(PIXELS)]
    for change in (
        SET.format("slice", 3),
        SET.format("swipe", 0),
        "document.querySelectorAll('input[name=axis]')[2].click()",
        "document.getElementById('in').click()",
    ):
        browser.run(change)
        browser.wait(f"{PIXELS} !== {json.dumps(seen[-1])}")
        seen.append(browser.run(PIXELS))
    assert browser.run("document.getElementById('slice-at').value").startswith("x = ")
    assert browser.run("document.getElementById('zoom').value") == "2×"
    assert browser.complaints == []


@pytest.mark.browser
def test_the_viewer_works_from_the_keyboard(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.wait("document.getElementById('slice-at').value !== ''")
    browser.run("document.getElementById('canvas').focus()")
    browser.press(" ")
    browser.wait("document.getElementById('swipe').value === '0'")
    browser.press("+")
    browser.wait("document.getElementById('zoom').value === '2×'")
    before = browser.run(PIXELS)
    browser.press("ArrowLeft")
    browser.wait(f"{PIXELS} !== {json.dumps(before)}")


@pytest.mark.browser
def test_tables_sort_by_value(browser: Browser, page: Path) -> None:
    browser.open(page)
    column = """[...document.querySelectorAll('#verdict table')[1].tBodies[0].rows]
        .map((row) => parseFloat(row.cells[6].dataset.value)).filter((n) => !Number.isNaN(n))"""
    press = "document.querySelectorAll('#verdict table')[1].tHead.rows[0].cells[6]"
    browser.run(f"{press}.querySelector('button').click()")
    values = browser.run(column)
    assert len(values) > 10
    assert values == sorted(values)
    browser.run(f"{press}.querySelector('button').click()")
    assert browser.run(column) == sorted(values, reverse=True)
    assert browser.run(f"{press}.getAttribute('aria-sort')") == "descending"


@pytest.mark.browser
def test_the_theme_can_be_chosen(browser: Browser, page: Path) -> None:
    browser.open(page)
    colour = "getComputedStyle(document.body).backgroundColor"
    before = browser.run(colour)
    browser.run("document.getElementById('theme').click()")
    assert browser.run(colour) != before
    browser.run("localStorage.clear()")


@pytest.mark.browser
def test_the_pore_space_turns(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run("document.getElementById('pores').scrollIntoView()")
    browser.wait(
        "document.getElementById('pores').dataset.ready === 'yes'"
        " || document.getElementById('pores').hidden"
    )
    if browser.run("document.getElementById('pores').hidden"):
        pytest.skip("THIS CHROMIUM HAS NO WebGL 2: the pore space has not been looked at")
    picture = "document.querySelectorAll('#pores canvas')[1].toDataURL()"
    before = browser.run(picture)
    drawn = """(() => { const canvas = document.querySelectorAll('#pores canvas')[1];
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, i) => i % 4 === 3 && value > 0).length * 4 / data.length;
        })()"""
    assert browser.run(drawn) > 0.02
    browser.run("document.querySelectorAll('#pores canvas')[1].focus()")
    browser.press("ArrowRight")
    browser.wait(f"{picture} !== {json.dumps(before)}")
    assert browser.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_over_all_rocks_opens_too(browser: Browser, page: Path, width: int) -> None:
    browser.open(page.parents[1] / "index.html", width)
    assert browser.complaints == []
    assert browser.run("document.querySelectorAll('tbody tr').length") == 1
    assert browser.run("document.documentElement.scrollWidth") <= width
    href = browser.run("document.querySelector('tbody a').href")
    assert href == page.resolve().as_uri()


@pytest.mark.browser
def test_it_prints(browser: Browser, page: Path) -> None:
    browser.open(page)
    folded = "document.querySelectorAll('details:not([open])').length"
    before = browser.run(folded)
    assert before > 0
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(folded) == 0
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run(folded) == before
    printed = browser.call("Page.printToPDF", printBackground=True)["data"]
    assert len(printed) > 100_000
