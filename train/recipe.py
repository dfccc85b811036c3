"""How a model is trained: a frozen record, so that a run can be repeated.

Never trains, and never depends on the dataset or the machine.
"""

import dataclasses
import difflib

from medmnist_tfds import errors, models


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of one training run.

    The optimizer is SGD with momentum and no schedule; the epoch with the best
    validation AUC is kept.
    """

    model: str = "resnet18"
    resolution: int = 28  # pixels that the network sees; 224 enlarges inside the model
    epochs: int = 100
    batch_size: int = 128  # images per step, over all replicas
    learning_rate: float = 1e-3
    momentum: float = 0.9

    def __post_init__(self):
        if self.model not in models.__all__:
            raise errors.MedMNISTError(
                f"There is no model {self.model!r}. Expected one of "
                f"{', '.join(models.__all__)}."
            )
        for field in ("epochs", "batch_size", "learning_rate"):
            value = getattr(self, field)
            if value <= 0:
                raise errors.MedMNISTError(
                    f"{field} is {value}. Expected a positive number. "
                    "Leave it out for the paper's value."
                )


PAPER = Recipe()  # section 3.1 of the Decathlon paper, and its official code


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `field=value` settings applied, values of the field's own type.

    Raises:
      MedMNISTError: an unknown field (the nearest name is given), or a bad value.
    """
    types = {field.name: field.type for field in dataclasses.fields(Recipe)}
    changes = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in types:
            near = difflib.get_close_matches(name, types, n=1, cutoff=0)
            raise errors.MedMNISTError(
                f"The recipe has no field {name!r}. Expected one of "
                f"{', '.join(types)}. Did you mean {near[0]!r}?"
            )
        try:
            changes[name] = types[name](text)
        except ValueError as error:
            raise errors.MedMNISTError(
                f"{setting!r} gives {name} the value {text!r}. Expected "
                f"{types[name].__name__}, e.g. {name}={getattr(recipe, name)}."
            ) from error
    return dataclasses.replace(recipe, **changes)
