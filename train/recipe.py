"""How a model is trained: a frozen record, so that a run can be repeated.

Never trains, and never depends on the dataset or the machine.
"""

import dataclasses
import difflib

from medmnist_tfds import models
from medmnist_tfds.process import errors

_CHOICES = {
    "model": tuple(models.NETWORKS),
    "resolution": (28, 224),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
    "xla": ("auto", "on", "off"),
}
_WORDS = {int: "a whole number", float: "a number", bool: "True or False"}
# Of the other fields, from and to; NaN is in none.
_BOUNDS = {
    "epochs": (1, 2**31 - 1),
    "batch_size": (1, 2**31 - 1),
    "learning_rate": (1e-30, 1e30),
    "momentum": (0, 1 - 1e-9),
    "statistics_images": (0, 2**14),
    "patience": (0, 2**31 - 1),
}


def _check(field: str, value, kind: type) -> None:
    """Refuses what is not of the field's own type, or out of its bounds."""
    kinds = {float: (int, float)}.get(kind, (kind,))
    expected = _WORDS.get(kind)
    is_good = type(value) in kinds  # True is an int, but no number of epochs
    if choices := _CHOICES.get(field):
        expected = f"one of {', '.join(map(str, choices))}"
        is_good = is_good and value in choices
    if bounds := _BOUNDS.get(field):
        least, most = bounds
        expected = f"{expected} from {least} to {most}"
        is_good = is_good and least <= value <= most
    if not is_good:
        raise errors.MedMNISTError(
            f"{field} is {value!r}. Expected {expected}. Leave it out for the paper's "
            "value."
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of one training run.

    The optimizer is SGD with momentum and no schedule; the epoch with the best
    validation AUC is kept. Nothing here changes with the number of replicas.
    """

    model: str = "resnet18"
    resolution: int = 28  # pixels that the network sees; 224 enlarges inside the model
    epochs: int = 100
    batch_size: int = 128  # images per step, over all replicas
    learning_rate: float = 1e-3
    momentum: float = 0.9
    # Training images over which BatchNormalization's statistics are estimated anew when
    # an epoch has ended; 0: moving averages, which lag behind in short runs.
    statistics_images: int = 0
    patience: int = 0  # epochs without a better one after which to stop; 0: never
    precision: str = "float32"  # Keras' name of the dtype policy
    xla: str = "auto"  # auto: on for GPU and TPU
    deterministic: bool = False  # bit-equal runs; without XLA

    @property
    def scoring_batch_size(self) -> int:
        """Images at a time when scoring, where small batches only take longer."""
        return max(self.batch_size, PAPER.batch_size)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field.name, getattr(self, field.name), field.type)
        if self.deterministic and self.xla == "on":
            raise errors.MedMNISTError(
                "deterministic and xla=on exclude each other in Keras. Expected one of "
                "them. Leave xla at auto: it is off in a deterministic run."
            )


PAPER = Recipe()  # section 3.1 of the Decathlon paper, and its official code
RECIPES = {"paper": PAPER}


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
            parse = _parse_bool if types[name] is bool else types[name]
            changes[name] = parse(text)
        except (ValueError, KeyError) as error:
            raise errors.MedMNISTError(
                f"{setting!r} gives {name} the value {text!r}. Expected "
                f"{types[name].__name__}, e.g. {name}={getattr(recipe, name)}."
            ) from error
    return dataclasses.replace(recipe, **changes)


def _parse_bool(text: str) -> bool:
    """bool("False") is True: the words are read instead."""
    return {"true": True, "false": False}[text.lower()]
