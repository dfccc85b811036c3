"""What the files of an archive are: sources, tables of facts, or something else.

Never decodes an image. What is odd about the files is told by `notes`.
"""

from collections.abc import Iterator, Mapping

from medmnist_tfds.sources import archives, reading

_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm", ".nii", ".gz")


class Inventory:
    """Of one archive, complete once its sources have been walked through."""

    def __init__(self, archive: archives.Archive):
        self._archive = archive
        self._paths: dict[str, str] = {}  # of each source, where it was
        self._tables: dict[str, dict[str, Mapping[str, str]]] = {}
        self._twice: list[tuple[str, str]] = []
        self._others: list[str] = []
        self._odd: list[str] = []
        self._problems: list[str] = []

    def sources(
        self, items: reading.Reader
    ) -> Iterator[tuple[archives.Source, reading.Item]]:
        """The sources among all files; tables are read on the way."""
        for item in items:
            table = next((t for t in self._archive.tables if t.is_at(item.name)), None)
            source = self._archive.recognise(item.name)
            if table:
                self._read(table, item)
            elif source is None:
                if not self._archive.ignores(item.name):
                    self._others.append(item.name)
            else:
                if first := self._paths.get(source.name):
                    self._twice.append((first, item.shown))
                self._paths.setdefault(source.name, item.shown)
                yield source, item

    def facts(self, source: archives.Source) -> dict[str, str]:
        """By its name, and by the tables if they have a row of it."""
        facts = dict(source.facts)
        for table in self._archive.tables:
            rows = self._tables.get(table.file, {})
            facts |= rows.get(archives.stem(source.name), {})
        return facts

    def measured(self, source: archives.Source, pixels: tuple[int, int]) -> None:
        """Takes down the width and height of a source."""
        if self._archive.pixels not in (None, pixels):
            self._odd.append(source.name)

    def notes(self) -> list[str]:
        """Sentences on all files together."""
        title, notes = self._archive.title, list(self._problems)
        pictures = [n for n in self._others if n.lower().endswith(_PICTURES)]
        if self._twice:
            first, second = self._twice[0]
            notes.append(
                f"{len(self._twice):,} sources occur again under their names: {second} "
                f"as {first}, ... Whichever is nearest to the official image counts."
            )
        if pictures:
            notes.append(
                f"{len(pictures):,} other images were passed over, as no source in "
                f"{title} is named so: {pictures[0]}, ..."
            )
        if self._odd:
            width, height = self._archive.pixels
            notes.append(
                f"{len(self._odd):,} sources are not {width} x {height} pixels, as "
                f"those of {title} are: {self._odd[0]}, ... Enlarged or reduced copies "
                "are not equal to the bit."
            )
        for table in self._archive.tables:
            notes += self._lacks(table)
        return notes

    def _lacks(self, table: archives.Table) -> list[str]:
        name, known = archives.plain(table.file), ", ".join(table.columns)
        rows = self._tables.get(table.file)
        if rows is None:
            return [
                f"There is no {name}: {known} stay empty. Put it beside the images, or "
                "give its folder as one more --source."
            ]
        lacking = [path for path in self._paths if archives.stem(path) not in rows]
        if not lacking:
            return []
        return [f"{len(lacking):,} sources have no row in {name}: {lacking[0]}, ..."]

    def _read(self, table: archives.Table, item: reading.Item) -> None:
        try:
            rows = table.read(item.read())
        except (*reading.DAMAGE, ValueError, RuntimeError) as error:
            self._problems.append(f"{item.shown} cannot be read as a table: {error}.")
        else:
            self._tables.setdefault(table.file, {}).update(rows)
