"""Imports go from a room to those below it, and never in a circle.

`python tests/test_rooms.py` prints the rooms, the arrows between them and their lines.
"""

import ast
import collections
import functools
import pathlib

import outside

pytestmark = outside.needs_packages

ROOT = pathlib.Path(__file__).parents[1]
# From the ground up: a room may import those before it.
ROOMS = (
    "process",
    "data",
    "sources",
    "score",
    "models",
    "train",
    "decathlon",
    "commands",
)
TOP = ("models", "train", "decathlon")  # of the repository, installed in the package


def folder(room: str) -> pathlib.Path:
    return ROOT / room if room in TOP else ROOT / "medmnist_tfds" / room


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "medmnist_tfds" and len(parts) > 1 else None


@functools.cache
def modules(path: pathlib.Path) -> set[str]:
    """What a file imports of the package, in functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.startswith("medmnist_tfds")}


def sources(room: str) -> list[pathlib.Path]:
    files = folder(room).rglob("*.py")
    return [path for path in files if not path.name.endswith("_test.py")]


def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    imported = {
        room: {room_of(name) for path in sources(room) for name in modules(path)}
        for room in ROOMS
    }
    return {room: rooms - {room, None} for room, rooms in imported.items()}


def test_imports_go_downwards_only():
    for room, others in arrows().items():
        below = set(ROOMS[: ROOMS.index(room)])
        assert others <= below, f"{room} imports {others - below}"


def test_every_source_file_lies_in_a_room():
    known = {path for room in ROOMS for path in sources(room)}
    package = set((ROOT / "medmnist_tfds").rglob("*.py")) | {
        path for room in TOP for path in (ROOT / room).rglob("*.py")
    }
    loose = {p.name for p in package - known if not p.name.endswith("_test.py")}
    assert loose == {"__init__.py", "__main__.py"}


def test_no_files_of_a_room_import_each_other_in_a_circle():
    for room in ROOMS:
        names = {_module(path): path for path in sources(room)}
        graph = {
            name: {other for other in names if _imports(path, other, names)}
            for name, path in names.items()
        }
        done: set[str] = set()
        while leaves := {n for n in graph if n not in done and graph[n] <= done}:
            done |= leaves
        assert done == set(graph), f"a circle among {set(graph) - done}"


def _module(path: pathlib.Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "medmnist_tfds" else ("medmnist_tfds", *parts)
    return ".".join(parts).removesuffix(".__init__")


def _imports(path: pathlib.Path, other: str, names) -> bool:
    if path == names[other] or names[other].name == "__init__.py":
        return False
    return any(n == other or n.startswith(f"{other}.") for n in modules(path))


if __name__ == "__main__":
    total = collections.Counter()
    for name, others in arrows().items():
        lines = sum(len(path.read_text().splitlines()) for path in sources(name))
        total.update(lines=lines, arrows=len(others))
        print(f"{name:10} {lines:5,} lines  imports {', '.join(sorted(others)) or '-'}")
    print(f"{len(ROOMS)} rooms, {total['arrows']} arrows, {total['lines']:,} lines")
