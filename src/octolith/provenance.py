"""What a result was made from: digests of the library sources a step uses and of given images.

A workflow that compares digests instead of modification times reruns what an edit concerns and
nothing else: a comment, a fresh checkout or a touched file changes no digest.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from octolith.errors import InputError
from octolith.files import atomic

PACKAGE = Path(__file__).parent
# These speak to people, or hand a step values that are compared by themselves; none of them
# changes a number, and a new colour in a figure is no reason to train for three days again.
SPEAKING = (
    "cli", "commands", "errors", "figures", "palette", "pores.figures", "progress",
    "segmentation.drawing", "settings", "training.board", "training.pictures",
)  # fmt: skip


def source_digest(module: str, but: Iterable[str] = SPEAKING) -> str:
    """Digest of a module and of every module of this package that it imports, however deeply.

    Comments, docstrings and layout do not count.

    Parameters
    ----------
    module : a dotted name, such as ``octolith.steps.train``.
    but : modules and packages (without ``octolith.``) that are left out.

    Raises
    ------
    ModuleNotFoundError : no such module in this package.
    """
    excluded = tuple(f"octolith.{name}." for name in but)
    found: set[str] = set()
    queue = [module]
    while queue:
        name = queue.pop()
        if name not in found and not f"{name}.".startswith(excluded):
            found.add(name)
            queue += _imports(name)
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\n{_essence(name)}\n".encode())
    return digest.hexdigest()[:16]


def _file(module: str) -> Path | None:
    """The source of a dotted name of this package, or None where it names no module."""
    base = PACKAGE.joinpath(*module.split(".")[1:])
    return next((f for f in (base.with_suffix(".py"), base / "__init__.py") if f.is_file()), None)


@cache
def _text(module: str) -> str:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(f"No module named {module!r} in {PACKAGE}")
    return path.read_text("utf-8")


@cache
def _imports(module: str) -> frozenset[str]:
    """The modules of this package that a module's statements, at any depth, import."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(_text(module))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    ours = {name for name in names if name.startswith("octolith.")}
    # Importing a.b.c runs a.b too.
    ours |= {".".join(n.split(".")[:k]) for n in ours for k in range(2, n.count(".") + 1)}
    return frozenset(name for name in ours if _file(name))


@cache
def _essence(module: str) -> str:
    """A module's code without comments, docstrings and layout."""
    tree = ast.parse(_text(module))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [each for each in body if not _says_only(each)] or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _says_only(node: ast.AST) -> bool:
    """Whether a statement is a string: that of a module, a class, a function or an attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class Fingerprints:
    """Digests of the content of images, remembered so that each is read once.

    A file is read again only when its size or modification time is another; its digest depends
    on nothing but its content, so a touched or a copied file keeps it.

    Parameters
    ----------
    memory : a JSON file that remembers the digests.
    """

    def __init__(self, memory: str | Path) -> None:
        self._memory = Path(memory)
        self._known: dict[str, list[object]] = {}
        if self._memory.is_file():
            self._known = json.loads(self._memory.read_text("utf-8"))

    def of(self, paths: Iterable[str | Path]) -> str:
        """One digest of files and folders (every file in them), in the order given.

        Raises
        ------
        InputError : a path that does not exist or cannot be read.
        """
        before = dict(self._known)
        digest = hashlib.sha256()
        for path in paths:
            for name, file in _files(Path(path)):
                digest.update(f"{name}\n{self._file(file)}\n".encode())
        if self._known != before:
            with atomic(self._memory) as temporary:
                temporary.write_text(json.dumps(self._known, indent=1, sort_keys=True), "utf-8")
        return digest.hexdigest()[:16]

    def _file(self, path: Path) -> str:
        key = str(path.resolve())
        try:
            status = path.stat()
            stamp = [status.st_size, status.st_mtime_ns]
            if self._known.get(key, [])[:2] != stamp:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                self._known[key] = [*stamp, content]
        except OSError as error:
            raise InputError(path, error.strerror, "a readable file") from None
        return str(self._known[key][2])


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The files of a folder with their names in it, in order; a file alone has no name."""
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            yield file.relative_to(path).as_posix(), file
    else:
        yield "", path
