"""Datasets whose images are those of one of the ten, in other splits.

Facts from `regrouped.json`, which says who found them. Never knows an image or a label,
and never takes an image away or adds one.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping

# Split -> split of the file -> rows there, ascending; splits of the file in that order.
Rows = Mapping[str, Mapping[str, tuple[int, ...]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """One regrouping of the dataset `of`."""

    of: str
    title: str
    flag: str  # in file names
    caution: str | None
    rows: Rows

    def count(self, split: str) -> int:
        return sum(map(len, self.rows[split].values()))


def ranges(text: str) -> tuple[int, ...]:
    """Numbers of a text such as `0-3 7 9-10`."""
    ends = [part.split("-") for part in text.split()]
    return tuple(
        n
        for first, *last in ends
        for n in range(int(first), int([first, *last][-1]) + 1)
    )


def _read() -> dict[str, Facts]:
    path = pathlib.Path(__file__).with_name("regrouped.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: Facts(
            of=facts["of"],
            title=facts["title"],
            flag=facts["flag"],
            caution=facts["caution"],
            rows={
                split: {of: ranges(text) for of, text in parts.items()}
                for split, parts in facts["rows"].items()
            },
        )
        for name, facts in found.items()
    }


FACTS: Mapping[str, Facts] = _read()
