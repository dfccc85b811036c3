"""Every argument of the public API is described where it stands."""

import importlib
import inspect
import re

import pytest

from docs.generate import reference
from medmnist_tfds.train import Recipe

# The recipe's fields say themselves what they mean, on a list of the site's page.
NAMES = [
    pytest.param(value, id=f"{public.partition('.')[2]}.{name}")
    for public, real in reference.MODULES.items()
    for module in [importlib.import_module(real)]
    for name in reference.names(module)
    for value in [getattr(module, name)]
    if value is not Recipe and (inspect.isfunction(value) or inspect.isclass(value))
]


def described(value, docstring: str | None) -> list[str]:
    """The parameters of which a docstring does not speak."""
    names = [name for name in inspect.signature(value).parameters if name != "self"]
    return [
        name
        for name in names
        if not re.search(rf"^ +\**{name}: \S", inspect.cleandoc(docstring or ""), re.M)
    ]


@pytest.mark.parametrize("value", NAMES)
def test_every_argument_of_a_public_name_is_described(value):
    assert value.__doc__
    if inspect.isfunction(value):
        assert described(value, value.__doc__) == []
        return
    if "__init__" in vars(value):
        assert described(value.__init__, value.__doc__) == []
    for name, method in vars(value).items():
        # What Keras calls has Keras' arguments; it is described there.
        if name[0] != "_" and inspect.isfunction(method) and method.__doc__:
            assert described(method, method.__doc__) == [], name


def test_the_contract_is_public():
    offered = {each.id for each in NAMES}
    assert {
        "catalog.Task", "catalog.parse", "pipeline.Split", "scoring.score",
        "predictions.write", "predictions.read", "models.resnet18", "models.resnet50",
        "train.XLAModel", "train.TaskMetrics", "train.choose_strategy", "train.fit",
        "sources.manifest",
    } <= offered  # fmt: skip
