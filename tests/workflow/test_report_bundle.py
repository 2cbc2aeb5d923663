"""`snakemake --report report.zip`: pages and tables in one file, which opens without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from checkout import Checkout

from browser import Browser, find


@pytest.fixture(scope="module")
def bundle(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the report of two samples was unpacked."""
    done = finished.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stderr
    folder = tmp_path_factory.mktemp("bundle")
    with ZipFile(finished.folder / "report.zip") as packed:
        packed.extractall(folder)
    (finished.folder / "report.zip").unlink()
    return folder / "report"


def test_it_holds_the_page_and_the_tables_of_every_sample(bundle: Path, finished: Checkout) -> None:
    packed = {path.read_bytes() for path in bundle.glob("data/raw/*/*")}
    results = finished.folder / "results"
    for name in ("report.html", "describe/comparison.csv", "network/change.csv"):
        for sample in "ab":
            assert (results / sample / name).read_bytes() in packed, f"{sample}/{name}"
    assert (results / "index.html").read_bytes() in packed


@pytest.fixture(scope="module")
def opened(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The report in Chromium, when it has drawn itself."""
    program = find()
    if program is None:
        pytest.skip("NO CHROMIUM FOUND: this check has not run (set OCTOLITH_CHROMIUM)")
    with Browser(program, tmp_path_factory.mktemp("chromium")) as browser:
        browser.open(bundle / "report.html")
        browser.wait("document.body.innerText.includes('RESULTS')")
        yield browser


TEXT = "document.body.innerText"
PRESS = "[...document.querySelectorAll('a')].find((a) => a.textContent.trim() === '{}').click()"


@pytest.mark.browser
def test_it_asks_for_nothing_from_the_network(opened: Browser, bundle: Path) -> None:
    asked = {address for address in opened.requests if not address.startswith("data:")}
    assert asked == {(bundle / "report.html").resolve().as_uri()}


@pytest.mark.browser
def test_results_are_found_by_category_and_explained(opened: Browser) -> None:
    assert "All rocks" in opened.run(TEXT)
    opened.run(PRESS.format("Rocks"))
    opened.wait(f"{TEXT}.includes('did SR come closer?')")
    assert "the page" in opened.run(TEXT)
    assert "pores and transport" in opened.run(TEXT)
    # Beside each rock of the list are an eye, which opens it, and an i, which explains it.
    opened.run("document.querySelector('a[href$=\".csv\"]').nextElementSibling.click()")
    opened.wait(f"{TEXT}.includes('before and after super-resolution')")
