"""The public API's reference: which names there are; mkdocstrings reads the docstrings.

Never lists a name by hand: what a public module offers stands there.
"""

import importlib
import inspect
import pathlib
import types

from medmnist_tfds.train import recipe as recipes

MODULES = {
    "medmnist_tfds.catalog": "medmnist_tfds.data.catalog",
    "medmnist_tfds.pipeline": "medmnist_tfds.data.pipeline",
    "medmnist_tfds.scoring": "medmnist_tfds.score.scoring",
    "medmnist_tfds.predictions": "medmnist_tfds.score.predictions",
    "medmnist_tfds.models": "medmnist_tfds.models",
    "medmnist_tfds.train": "medmnist_tfds.train",
    "medmnist_tfds.augment": "medmnist_tfds.train.augment",
    "medmnist_tfds.sources": "medmnist_tfds.sources",
}
# Folders at the top of the repository that are installed inside of the package.
_INSIDE = ("decathlon", "models", "train")


def write(pages: pathlib.Path, *, code: pathlib.Path, root: pathlib.Path) -> None:
    """Writes a page for each public module, and `code`: the package as installed."""
    pages.mkdir(parents=True, exist_ok=True)
    _lay_out(code / "medmnist_tfds", root)
    for public, real in MODULES.items():
        module = importlib.import_module(real)
        name = public.rpartition(".")[2]
        text = f"# `{public}`\n\n{inspect.getdoc(module)}\n\n"
        for each in names(module):
            path = _path(module, each)
            # The recipe's fields stand in a list below, without what checks them.
            is_recipe = getattr(module, each) is recipes.Recipe
            text += _entry(f"{name}.{each}", path, show_signature=not is_recipe)
        if public == "medmnist_tfds.train":
            text += _fields()
        (pages / f"{name}.md").write_text(text)


def names(module: types.ModuleType) -> list[str]:
    """What a module offers: what it says it does, or else what is ours in it."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    if hasattr(module, "_PUBLIC"):
        return sorted(module._PUBLIC)
    return [
        name
        for name, value in vars(module).items()
        if name[0] != "_"
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith("medmnist_tfds.")
    ]


def _path(module: types.ModuleType, name: str) -> str:
    """Where it is written: a constant has no place of its own, but a module's."""
    value = getattr(module, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return f"{value.__module__}.{value.__name__}"
    inner = getattr(module, "_PUBLIC", {}).get(name)
    return ".".join(filter(None, [module.__name__, inner, name]))


def _fields() -> str:
    """The recipe's fields, whose meaning the dataclass knows."""
    lines = []
    for name, field in recipes.FIELDS.items():
        choices = ", ".join(f"`{each}`" for each in field.metadata["choices"] or ())
        meaning = ": ".join(filter(None, [field.metadata["meaning"], choices]))
        lines.append(f"`{name}={field.default}`\n:   {meaning}\n")
    head = "## Fields of a recipe\n\nWith their values in the paper's, `PAPER`.\n"
    return "\n".join([head, *lines])


def _entry(name: str, path: str, *, show_signature: bool) -> str:
    options = {"heading": name, "toc_label": name.rpartition(".")[2]}
    options["show_signature"] = str(show_signature).lower()
    lines = "".join(f"      {key}: {value}\n" for key, value in options.items())
    return f"::: {path}\n    options:\n{lines}\n"


def _lay_out(package: pathlib.Path, root: pathlib.Path) -> None:
    """Links to the folders of the code, as an installation lays them out."""
    package.mkdir(parents=True, exist_ok=True)
    parts = [*(root / "medmnist_tfds").iterdir(), *(root / name for name in _INSIDE)]
    for part in parts:
        link = package / part.name
        if not link.is_symlink():
            link.symlink_to(part)
