"""A method's definition, read from `method.toml`: data, no code of ours to import.

Never runs a method, and never knows how one works.
"""

import dataclasses
import difflib
import functools
import hashlib
import json
import math
import pathlib
import re
import sys
from collections.abc import Mapping

from packaging import specifiers

from medmnist_tfds.process import errors

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUILT_IN = pathlib.Path(__file__).parent / "methods"
BUDGETS = ("paper", "smoke")
_DEFAULT_BUDGET = {"limit_hours": 24}
_FIELDS = {
    "display_name": str,
    "paper_row": str,
    "python": str,
    "requirements": list,
    "build_requirements": list,
    "command": list,
    "memory_gib": (int, float),
    "variables": list,
    "settings": dict,
    "budgets": dict,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """What a method may spend on one dataset; `amounts` is the method's own part."""

    amounts: Mapping[str, object]
    limit_hours: float  # after which the harness ends it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """One method, with the settings and budgets that a user has changed."""

    folder: pathlib.Path
    display_name: str
    paper_row: str | None  # the row of Table 2 that it reproduces
    python: str | None  # versions it runs on, as pip writes them: "==3.9.*"
    requirements: tuple[str, ...]  # none: runs in this package's own environment
    build_requirements: tuple[str, ...]  # installed before them
    command: tuple[str, ...]  # the cell's folder is put after it
    memory_gib: float | None
    variables: tuple[str, ...]  # of the environment: secrets that it needs
    settings: Mapping[str, object]
    budgets: Mapping[str, tuple[Mapping[str, object], ...]]
    overrides: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_built_in(self) -> bool:
        return self.folder.parent == BUILT_IN

    @functools.cached_property
    def program(self) -> str:
        """A checksum of the folder's files, by which a changed program is seen."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(self.folder)).encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    @property
    def has_environment(self) -> bool:
        """Whether it needs an environment of its own."""
        return bool(self.requirements)

    def budget(self, name: str, *, images: int) -> Budget:
        """The budget for a dataset of so many images, over all three splits."""
        entries = self.budgets.get(name, (_DEFAULT_BUDGET,))
        chosen = next(
            entry for entry in entries if images <= entry.get("up_to_images", math.inf)
        )
        chosen = _DEFAULT_BUDGET | chosen
        amounts = {k: v for k, v in chosen.items() if k not in _ENTRY_KEYS}
        changes = {k: v for k, v in self.overrides.items() if k in amounts}
        hours = self.overrides.get("limit_hours", chosen["limit_hours"])
        return Budget(amounts=amounts | changes, limit_hours=hours)


_ENTRY_KEYS = ("up_to_images", "limit_hours")


def built_in() -> list[str]:
    """Names of the methods that come with the package."""
    return sorted(path.parent.name for path in BUILT_IN.glob("*/method.toml"))


def find(name: str) -> Method:
    """The method of that name, or in that folder.

    Raises:
      MedMNISTError: there is none, or its definition is wrong.
    """
    if name in built_in():
        return read(BUILT_IN / name)
    folder = pathlib.Path(name).resolve()
    if (folder / "method.toml").is_file():
        return read(folder)
    near = difflib.get_close_matches(name, built_in(), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise errors.MedMNISTError(
        f"There is no method {name!r}. Expected one of {', '.join(built_in())}, or a "
        f"folder that holds method.toml.{hint}"
    )


def read(folder: pathlib.Path) -> Method:
    """Reads `method.toml`; every field has a default but the folder's own name."""
    path = folder / "method.toml"
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError is a ValueError
        raise _wrong(path, f"cannot be read ({error})", "a TOML file") from error
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", folder.name):
        raise _wrong(
            path, f"lies in a folder {folder.name!r}", "letters, digits and _ only"
        )
    for name, value in fields.items():
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1, cutoff=0)
            raise _wrong(
                path, f"has the unknown field {name!r}", f"e.g. {near[0]!r}"
            ) from None
        if not isinstance(value, _FIELDS[name]):
            raise _wrong(
                path, f"gives {name} the value {value!r}", "as the README shows"
            )
    for name in ("requirements", "build_requirements", "command", "variables"):
        if not all(isinstance(part, str) for part in fields.get(name, ())):
            raise _wrong(path, f"gives {name} {fields[name]!r}", "a list of strings")
    if fields.get("command") == []:
        raise _wrong(path, "gives an empty command", "a program and its arguments")
    try:
        json.dumps([fields.get("settings"), fields.get("budgets")])
    except TypeError as error:
        raise _wrong(path, f"has a value that is no JSON ({error})", "JSON") from error
    return Method(
        folder=folder,
        display_name=fields.get("display_name", folder.name),
        paper_row=fields.get("paper_row"),
        python=_python(path, fields.get("python")),
        requirements=tuple(fields.get("requirements", ())),
        build_requirements=tuple(fields.get("build_requirements", ())),
        command=tuple(fields.get("command", ("{python}", "{folder}/run.py"))),
        memory_gib=fields.get("memory_gib"),
        variables=tuple(fields.get("variables", ())),
        settings=fields.get("settings", {}),
        budgets=_budgets(path, fields.get("budgets", {})),
    )


def _python(path: pathlib.Path, text: str | None) -> str | None:
    try:
        specifiers.SpecifierSet(text or "")
    except specifiers.InvalidSpecifier as error:
        raise _wrong(path, f"asks for Python {text!r}", "e.g. '==3.9.*'") from error
    return text


def _budgets(path: pathlib.Path, budgets: dict) -> dict[str, tuple[dict, ...]]:
    for name, entries in budgets.items():
        if name not in BUDGETS:
            raise _wrong(path, f"has a budget {name!r}", " or ".join(BUDGETS))
        is_list = isinstance(entries, list) and entries
        is_list = is_list and all(isinstance(entry, dict) for entry in entries)
        if not is_list or "up_to_images" in entries[-1]:
            raise _wrong(
                path,
                f"has no last budget {name!r} for datasets of any size",
                f"[[budgets.{name}]] entries, the last without up_to_images",
            )
        for entry in entries:
            _check_entry(path, name, entry)
    return {name: tuple(entries) for name, entries in budgets.items()}


def _check_entry(path: pathlib.Path, name: str, entry: dict) -> None:
    for field in _ENTRY_KEYS:
        value = entry.get(field, 1)
        if not (isinstance(value, int | float) and value > 0):
            raise _wrong(
                path, f"gives {field} of budget {name} {value!r}", "a number above 0"
            )


def _wrong(path: pathlib.Path, problem: str, expected: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} {problem}. Expected {expected}. The README shows a method's folder."
    )


def override(methods: list[Method], changes: list[str]) -> list[Method]:
    """The methods with `method.field=value` applied to settings and budgets.

    Raises:
      MedMNISTError: a method that does not take part, a field that it does not have,
        or a value of another type.
    """
    by_name = {method.name: method for method in methods}
    for change in changes:
        match = re.fullmatch(r"(\w+)\.(\w+)=(.*)", change)
        if match is None or match[1] not in by_name:
            raise errors.MedMNISTError(
                f"--set {change!r} names no method that takes part. Expected "
                f"METHOD.FIELD=VALUE, with one of {', '.join(by_name)}."
            )
        name, field, text = match.groups()
        by_name[name] = _changed(by_name[name], field, text)
    return list(by_name.values())


def _changed(method: Method, field: str, text: str) -> Method:
    known = {"limit_hours": 1.0} | dict(method.settings)
    for entries in method.budgets.values():
        for entry in entries:
            known |= {k: v for k, v in entry.items() if k not in _ENTRY_KEYS}
    if field not in known:
        near = difflib.get_close_matches(field, known, n=1, cutoff=0)
        raise errors.MedMNISTError(
            f"{method.name} has no field {field!r}. Expected one of "
            f"{', '.join(known)}. Did you mean {near[0]!r}?"
        )
    kind = type(known[field])
    if kind not in (str, int, float, bool):
        raise errors.MedMNISTError(
            f"{method.name}.{field} is a {kind.__name__}, which --set cannot give. "
            "Expected text, a number, true or false. Change method.toml instead."
        )
    try:
        value = {"true": True, "false": False}[text] if kind is bool else kind(text)
    except (ValueError, KeyError) as error:
        raise errors.MedMNISTError(
            f"{method.name}.{field} is given {text!r}. Expected {kind.__name__}, e.g. "
            f"{known[field]}."
        ) from error
    settings = dict(method.settings)
    if field in settings:
        settings[field] = value
        return dataclasses.replace(method, settings=settings)
    return dataclasses.replace(method, overrides={**method.overrides, field: value})
