"""Fixtures: a checkout of the workflow, new, finished, or finished and to be edited."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout in which nothing has run."""
    return Checkout(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which everything has run; not to be changed."""
    checkout = Checkout(tmp_path_factory.mktemp("finished"))
    checkout.run()
    return checkout


@pytest.fixture
def edited(finished: Checkout, tmp_path: Path) -> Checkout:
    """A copy of a checkout in which everything has run: to be edited."""
    return finished.copy(tmp_path / "copy")
