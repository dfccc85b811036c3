"""One `method.toml`: read, and checked field by field.

Knows which fields there are and what they may hold. Never what a method extends, and
never what a user changes: that is `method`.
"""

import json
import pathlib
import re
import sys

from packaging import specifiers

from medmnist_tfds.decathlon import suites
from medmnist_tfds.process import errors

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "method.toml"
FORMS = ("images", "volumes")  # of data
BUDGETS = ("paper", "smoke")
HARNESS_FIELDS = ("up_to_images", "limit_hours")  # of a budget; a method's are others
_FIELDS = {
    "extends": str,
    "display_name": str,
    "paper_row": str,
    "suites": list,
    "takes": list,
    "size": int,
    "pretrained": str,
    "features": str,
    "python": str,
    "requirements": list,
    "build_requirements": list,
    "command": list,
    "estimate": list,
    "memory_gib": (int, float),
    "variables": list,
    "recipe": str,
    "settings": dict,
    "budgets": dict,
}


def read(folder: pathlib.Path) -> dict:
    """The fields that a folder's `method.toml` gives; all of them are optional.

    Raises:
      MedMNISTError: it cannot be read, or a field or the folder's name is wrong.
    """
    path = folder / FILE
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # TOMLDecodeError is a ValueError
        raise wrong(path, f"cannot be read ({error})", "a TOML file") from error
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", folder.name):
        raise wrong(
            path, f"lies in a folder {folder.name!r}", "letters, digits and _ only"
        )
    for name, value in fields.items():
        if name not in _FIELDS:
            hint = errors.hint(name, {known: known for known in _FIELDS})
            known = f"one of {', '.join(_FIELDS)}"
            raise wrong(path, f"has the unknown field {name!r}.{hint}", known)
        if not isinstance(value, _FIELDS[name]):
            raise wrong(
                path,
                f"gives {name} the value {value!r}",
                "as the guide 'Add a method' shows",
            )
    for name in [name for name, kind in _FIELDS.items() if kind is list]:
        if not all(isinstance(part, str) for part in fields.get(name, ())):
            raise wrong(path, f"gives {name} {fields[name]!r}", "a list of strings")
    for name, known in {"suites": suites.SUITES, "takes": FORMS}.items():
        if not set(fields.get(name, known)) <= set(known) or fields.get(name) == []:
            raise wrong(
                path, f"gives {name} {fields[name]!r}", f"some of {', '.join(known)}"
            )
    if fields.get("command") == []:
        raise wrong(path, "gives an empty command", "a program and its arguments")
    try:
        json.dumps([fields.get("settings"), fields.get("budgets")])
    except TypeError as error:
        raise wrong(path, f"has a value that is no JSON ({error})", "JSON") from error
    _check_python(path, fields.get("python", ""))
    _check_budgets(path, fields.get("budgets", {}))
    return fields


def _check_python(path: pathlib.Path, text: str) -> None:
    try:
        specifiers.SpecifierSet(text)
    except specifiers.InvalidSpecifier as error:
        raise wrong(path, f"asks for Python {text!r}", "e.g. '==3.9.*'") from error


def _check_budgets(path: pathlib.Path, budgets: dict) -> None:
    for name, entries in budgets.items():
        if name not in BUDGETS:
            raise wrong(path, f"has a budget {name!r}", " or ".join(BUDGETS))
        is_list = isinstance(entries, list) and entries
        is_list = is_list and all(isinstance(entry, dict) for entry in entries)
        if not is_list or "up_to_images" in entries[-1]:
            raise wrong(
                path,
                f"has no last budget {name!r} for datasets of any size",
                f"[[budgets.{name}]] entries, the last without up_to_images",
            )
        for field in HARNESS_FIELDS:
            for value in [entry.get(field, 1) for entry in entries]:
                if not (isinstance(value, int | float) and value > 0):
                    problem = f"gives {field} of budget {name} {value!r}"
                    raise wrong(path, problem, "a number above 0")


def wrong(path: pathlib.Path, problem: str, expected: str) -> errors.MedMNISTError:
    return errors.MedMNISTError(
        f"{path} {problem}. Expected {expected}. The guide 'Add a method' "
        "shows a method's folder."
    )
