"""A method: what its definition, those that it extends, and the user's changes say.

Never runs a method, and never knows how one works.
"""

import dataclasses
import functools
import hashlib
import importlib.util
import math
import os
import pathlib
import re
from collections.abc import Mapping

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import definition, features, suites
from medmnist_tfds.process import errors
from medmnist_tfds.train import recipe as recipes

BUILT_IN = pathlib.Path(__file__).resolve().parent / "methods"
_ROOMS = ("process", "data", "score", "models", "train")  # those that a method may use
_DEFAULT_COMMAND = ("{python}", "{folder}/run.py")
_DEFAULT_ESTIMATE = ("{python}", "{folder}/estimate.py")
_DEFAULT_BUDGET = {"limit_hours": 24.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """What a method may spend on one dataset; `amounts` is the method's own part."""

    amounts: Mapping[str, object]
    limit_hours: float  # after which the harness ends it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method:
    """One method, with the settings and budgets that a user has changed."""

    folders: tuple[pathlib.Path, ...]  # its own, then those that it extends
    program_folder: pathlib.Path  # the one of them that {folder} of the command means
    display_name: str
    paper_row: str | None  # the row of its suites' published tables
    suites: tuple[str, ...]  # where it runs by default, and beside that row
    takes: tuple[str, ...]  # images, volumes, or both
    size: int | None  # of the images that its name speaks of; None: any
    pretrained: str  # on which other images; empty: on none
    features: str | None  # the network whose features it is given; None: none
    python: str | None  # versions it runs on, as pip writes them: "==3.9.*"
    requirements: tuple[str, ...]  # none: runs in this package's own environment
    build_requirements: tuple[str, ...]  # installed before them
    command: tuple[str, ...]  # the cell's folder is put after it
    estimate: tuple[str, ...]  # the program that says how long cells take; or empty
    memory_gib: float | None
    variables: tuple[str, ...]  # of the environment: secrets that it needs
    recipe: str | None  # of `train`: the settings start from its fields
    own_settings: Mapping[str, object]  # what method.toml says beyond the recipe
    budgets: Mapping[str, tuple[Mapping[str, object], ...]]
    changes: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def folder(self) -> pathlib.Path:
        return self.folders[0]

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def is_built_in(self) -> bool:
        return self.folder.parent == BUILT_IN

    @property
    def program_address(self) -> str:
        """`program_folder`, as seen from BUILT_IN if it lies there.

        A worker elsewhere has its own copy of this package.
        """
        is_built_in = self.program_folder.parent == BUILT_IN
        return self.program_folder.name if is_built_in else str(self.program_folder)

    @functools.cached_property
    def program(self) -> str:
        """A checksum of all its files, by which a changed program is seen.

        Also of what it may import of this package, if it does and runs beside it.
        """
        paths = [path for folder in self.folders for path in _files(folder, "**/*")]
        if not self.has_environment and any(map(_imports_us, paths)):
            paths += _our_files()
        digest = hashlib.sha256()
        for path in paths:
            digest.update(f"{path.parent.name}/{path.name}".encode())
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    @property
    def has_environment(self) -> bool:
        """Whether it needs an environment of its own."""
        return bool(self.requirements)

    @functools.cached_property
    def settings(self) -> Mapping[str, object]:
        """The recipe's fields, those of method.toml over them, then a user's changes.

        Costs the import of Keras if there is a recipe.
        """
        settings = _recipe(self) | self.own_settings
        return settings | {k: v for k, v in self.changes.items() if k in settings}

    def refuses(self, variant: catalog.Variant) -> str:
        """Why it cannot have that dataset; empty where it can."""
        dataset = variant.dataset
        if dataset.form not in self.takes:
            forms = f"{self.takes[0]} only, and {dataset.paper_name} has {dataset.form}"
            return f"it takes {forms}"
        if self.size not in (None, variant.size):
            sizes = f"{self.size} pixels only, and those of {variant.config} have "
            return f"it takes images of {sizes}{variant.size}"
        return ""

    @property
    def learned_from(self) -> str:
        """On which other images it, or the network of its features, was trained."""
        return features.NETWORKS.get(self.features, self.pretrained)

    def budget(self, name: str, *, images: int) -> Budget:
        """The budget for a dataset of so many images, over all three splits."""
        entries = self.budgets.get(name, (_DEFAULT_BUDGET,))
        chosen = next(
            entry for entry in entries if images <= entry.get("up_to_images", math.inf)
        )
        values = {
            field: self.changes.get(field, value)
            for field, value in (_DEFAULT_BUDGET | chosen).items()
        }
        amounts = {k: values[k] for k in values if k not in definition.HARNESS_FIELDS}
        return Budget(amounts=amounts, limit_hours=values["limit_hours"])


def built_in() -> list[str]:
    """Names of the methods that come with the package."""
    return sorted(path.parent.name for path in BUILT_IN.glob(f"*/{definition.FILE}"))


def of_suite(suite: suites.Suite) -> list[str]:
    """Names of those that run in a suite unless others are chosen."""
    known = {name: find(name) for name in built_in()}
    return [
        name
        for name, method in known.items()
        if suite.name in method.suites and suite.form in method.takes
    ]


def find(name: str) -> Method:
    """The method of that name, as people write it, too, or in that folder.

    Raises:
      MedMNISTError: there is none, or its definition is wrong.
    """
    folder = _folder(name, pathlib.Path.cwd())
    if folder is not None:
        return read(folder)
    if wanted := _letters(name):  # "ResNet-18 (28)", "auto-sklearn"
        for method in map(find, built_in()):
            if wanted in (_letters(method.name), _letters(method.display_name)):
                return method
    hint = errors.hint(name, {known: known for known in built_in()})
    raise errors.MedMNISTError(
        f"There is no method {name!r}. Expected one of {', '.join(built_in())}, or a "
        f"folder that holds {definition.FILE}.{hint}"
    )


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def read(folder: pathlib.Path) -> Method:
    """The method in a folder; what its definition does not give, that of the base does.

    Settings are merged by field and budgets by name. Not inherited: the names under
    which it is shown, the size in them, and in which suites, for it is another method.
    """
    definitions = _definitions(folder)
    fields = {"settings": {}, "budgets": {}}
    for given in reversed(definitions.values()):
        merged = {k: fields[k] | given.get(k, {}) for k in ("settings", "budgets")}
        fields |= given | merged
    own = definitions[folder]
    programs = [
        place
        for place, given in definitions.items()
        if "command" in given or (place / "run.py").is_file()
    ]
    program_folder = programs[0] if programs else folder
    network = _features(folder, fields.get("features"))
    return Method(
        folders=tuple(definitions),
        program_folder=program_folder,
        display_name=own.get("display_name", folder.name),
        paper_row=own.get("paper_row"),
        suites=tuple(own.get("suites", suites.SUITES)),
        size=own.get("size"),
        takes=_takes(folder, fields.get("takes"), network),
        pretrained=fields.get("pretrained", ""),
        features=network,
        python=fields.get("python"),
        requirements=tuple(fields.get("requirements", ())),
        build_requirements=tuple(fields.get("build_requirements", ())),
        command=tuple(definitions[program_folder].get("command", _DEFAULT_COMMAND)),
        estimate=_estimate(definitions, program_folder),
        memory_gib=fields.get("memory_gib"),
        variables=tuple(fields.get("variables", ())),
        recipe=fields.get("recipe"),
        own_settings=fields["settings"],
        budgets={name: tuple(entries) for name, entries in fields["budgets"].items()},
    )


def _features(folder: pathlib.Path, name: str | None) -> str | None:
    if name in (None, "pixels"):  # these every method is given
        return None
    if name not in features.NETWORKS:
        raise definition.wrong(
            folder / definition.FILE,
            f"asks for the features {name!r}",
            f"one of {', '.join([*features.NETWORKS, 'pixels'])}",
        )
    return name


def _takes(folder: pathlib.Path, given: list | None, network) -> tuple[str, ...]:
    """Both forms of data where nothing is said; features are of images only."""
    forms = ("images",) if network else definition.FORMS
    if not set(given or forms) <= set(forms):
        raise definition.wrong(
            folder / definition.FILE,
            f"takes volumes, and asks for the features {network!r}, which have none",
            'takes = ["images"], or features = "pixels"',
        )
    return tuple(given or forms)


def _estimate(definitions: dict, program_folder: pathlib.Path) -> tuple[str, ...]:
    """That of the program: a method that brings its own has none of its base's."""
    for place, given in definitions.items():
        if "estimate" in given:
            return tuple(given["estimate"])
        if place == program_folder:
            break
    has_one = (program_folder / "estimate.py").is_file()
    return _DEFAULT_ESTIMATE if has_one else ()


def _definitions(folder: pathlib.Path) -> dict[pathlib.Path, dict]:
    """The folder's definition, then that of its base, and so on; by folder."""
    definitions = {folder: definition.read(folder)}
    while "extends" in definitions[folder]:
        path, name = folder / definition.FILE, definitions[folder]["extends"]
        folder = _folder(name, folder)
        if folder is None or folder in definitions:
            problem = f"extends {name!r}, which "
            problem += "is no method" if folder is None else "extends it"
            raise definition.wrong(
                path, problem, f"one of {', '.join(built_in())}, or a relative folder"
            )
        definitions[folder] = definition.read(folder)
    return definitions


def _folder(name: str, start: pathlib.Path) -> pathlib.Path | None:
    """Where the built-in method of that name lies, or the folder of that path."""
    if name in built_in():
        return BUILT_IN / name
    folder = (start / name).resolve()
    # Not is_file(): a name too long for the disk is none, too.
    return folder if os.path.isfile(folder / definition.FILE) else None


def _recipe(method: Method) -> dict:
    if method.recipe is None:
        return {}
    if method.recipe not in recipes.RECIPES:
        raise definition.wrong(
            method.folder / definition.FILE,
            f"has the recipe {method.recipe!r}",
            f"one of {', '.join(recipes.RECIPES)}",
        )
    return dataclasses.asdict(recipes.RECIPES[method.recipe])


def _files(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    paths = (p for p in folder.glob(pattern) if "__pycache__" not in p.parts)
    return sorted(path for path in paths if path.is_file())


def _imports_us(path: pathlib.Path) -> bool:
    if path.suffix != ".py":
        return False
    imports = rb"^\s*(import|from)\s+medmnist_tfds\b"
    return re.search(imports, path.read_bytes(), re.MULTILINE) is not None


def _our_files() -> list[pathlib.Path]:
    """The rooms below this one, and the modules beside the built-in methods."""
    rooms = [path for room in map(_room, _ROOMS) for path in _files(room, "**/*")]
    return rooms + _files(BUILT_IN, "*.py")


def _room(name: str) -> pathlib.Path:
    # find_spec imports the package, but no room of it: that would cost Keras.
    return pathlib.Path(importlib.util.find_spec(f"medmnist_tfds.{name}").origin).parent
