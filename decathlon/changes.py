"""What a user changes of methods for one Decathlon: `--set METHOD.FIELD=VALUE`.

Never changes a definition on the disk.
"""

import dataclasses
import math
import re
from collections.abc import Iterable

from medmnist_tfds.decathlon import definition
from medmnist_tfds.decathlon import method as methods
from medmnist_tfds.process import errors
from medmnist_tfds.train import recipe as recipes


def apply(
    chosen: Iterable[methods.Method], changes: list[str], *, budget: str
) -> list[methods.Method]:
    """The methods with `method.field=value` applied to settings and budget.

    Raises:
      MedMNISTError: a method that does not take part, a field that it does not have
        in this budget, or a value of another type.
    """
    by_name = {method.name: method for method in chosen}
    for change in changes:
        match = re.fullmatch(r"(\w+)\.(\w+)=(.*)", change)
        if match is None or match[1] not in by_name:
            raise errors.MedMNISTError(
                f"--set {change!r} names no method that takes part. Expected "
                f"METHOD.FIELD=VALUE, with one of {', '.join(by_name)}."
            )
        method, field = by_name[match[1]], match[2]
        value = _parse(method, field, match[3], budget)
        changed = {**method.changes, field: value}
        by_name[method.name] = dataclasses.replace(method, changes=changed)
    return list(by_name.values())


def _parse(method: methods.Method, field: str, text: str, budget: str) -> object:
    known = {"limit_hours": 1.0} | _amounts(method, budget) | method.settings
    if field not in known:
        raise _unknown(method, field, budget, known)
    kind = type(known[field])
    if kind not in (str, int, float, bool):
        raise errors.MedMNISTError(
            f"{method.name}.{field} is a {kind.__name__}, which --set cannot give. "
            f"Expected text, a number, true or false. Change {definition.FILE} instead."
        )
    name = f"{method.name}.{field}"
    value = recipes.parse(name, text, like=known[field])
    is_finite = kind is not float or math.isfinite(value)
    if not is_finite or (field == "limit_hours" and value <= 0):
        above = " above 0" if field == "limit_hours" else ""
        raise errors.MedMNISTError(
            f"{name} is given {text!r}. Expected a finite number{above}, e.g. "
            f"{name}={known[field]}."
        )
    return value


def _amounts(method: methods.Method, budget: str) -> dict[str, object]:
    """The method's own fields in a budget, for datasets of any size."""
    entries = method.budgets.get(budget, ())
    fields = {name: value for entry in entries for name, value in entry.items()}
    return {k: v for k, v in fields.items() if k not in definition.HARNESS_FIELDS}


def _unknown(method, field: str, budget: str, known: dict) -> errors.MedMNISTError:
    others = [name for name in method.budgets if field in _amounts(method, name)]
    if others:
        return errors.MedMNISTError(
            f"{method.name} has the field {field!r} in its budget {others[0]} only, "
            f"and this is the budget {budget}. Expected one of {', '.join(known)}. "
            f"Leave it out, or choose --budget {others[0]}."
        )
    hint = errors.hint(field, {name: name for name in known})
    hint = hint or (recipes.hint(field) if method.recipe else "")
    return errors.MedMNISTError(
        f"{method.name} has no field {field!r}. Expected one of {', '.join(known)}."
        f"{hint}"
    )
