"""How a model is trained: a frozen record, so that a run can be repeated.

Never trains, and never depends on the dataset or the machine. Imports no TensorFlow:
the command line's help shows the fields.
"""

import dataclasses
import re

from medmnist_tfds.process import errors

_WORDS = {int: "a whole number", float: "a number", bool: "True or False"}


def _field(default, meaning: str, *, choices=(), bounds=(), known_as: str = ""):
    """A field of the recipe, and what can be said of it.

    Args:
      choices: all values that it may have, where these can be named.
      bounds: else the least and the largest; NaN is not between.
      known_as: what else people call it.
    """
    metadata = {
        "meaning": meaning,
        "choices": choices,
        "bounds": bounds,
        "known_as": known_as.split(),
    }
    return dataclasses.field(default=default, metadata=metadata)


def _check(field: dataclasses.Field, value) -> None:
    """Refuses what is not of the field's own type, or out of its bounds."""
    kinds = {float: (int, float)}.get(field.type, (field.type,))
    expected = _WORDS.get(field.type)
    is_good = type(value) in kinds  # True is an int, but no number of epochs
    if choices := field.metadata["choices"]:
        expected = f"one of {', '.join(map(str, choices))}"
        is_good = is_good and value in choices
    if bounds := field.metadata["bounds"]:
        least, most = bounds
        expected = f"{expected} from {least} to {most}"
        is_good = is_good and least <= value <= most
    if not is_good:
        raise errors.MedMNISTError(
            f"{field.name} is {value!r}. Expected {expected}. Leave it out for the "
            "paper's value."
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of one training run.

    The optimizer is SGD with momentum and no schedule; the epoch with the best
    validation AUC is kept. Nothing here changes with the number of replicas.
    """

    model: str = _field(
        "resnet18",
        "the network",
        choices=("resnet18", "resnet50"),
        known_as="network net arch architecture backbone",
    )
    resolution: int = _field(
        28,
        "pixels the network sees, enlarged inside it",
        choices=(28, 224),
        known_as="size image_size img_size pixels",
    )
    epochs: int = _field(
        100,
        "passes over the training images",
        bounds=(1, 2**31 - 1),
        known_as="epoch n_epochs num_epochs max_epochs iterations",
    )
    batch_size: int = _field(
        128,
        "images per step, over all replicas",
        bounds=(1, 2**31 - 1),
        known_as="batch bs",
    )
    learning_rate: float = _field(
        1e-3, "of SGD, without a schedule", bounds=(1e-30, 1e30), known_as="lr rate eta"
    )
    momentum: float = _field(0.9, "of SGD", bounds=(0, 1 - 1e-9), known_as="beta")
    statistics_images: int = _field(
        0,
        "training images over which BatchNormalization's statistics are estimated "
        "anew after an epoch; 0: moving averages, which lag behind in short runs",
        bounds=(0, 2**10),  # they go through the network at once
        known_as="bn batchnorm batch_norm statistics",
    )
    patience: int = _field(
        0,
        "epochs without a better one after which to stop; 0: never",
        bounds=(0, 2**31 - 1),
        known_as="es early_stop early_stopping",
    )
    precision: str = _field(
        "float32",
        "Keras' dtype policy",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        known_as="dtype policy mixed_precision amp half fp16 float16 bf16 bfloat16",
    )
    xla: str = _field(
        "auto",
        "auto is on for GPU and TPU",
        choices=("auto", "on", "off"),
        known_as="jit compile jit_compile",
    )
    deterministic: bool = _field(
        False, "runs equal to the bit, without XLA", known_as="determinism reproducible"
    )

    @property
    def scoring_batch_size(self) -> int:
        """Images at a time when scoring, where small batches only take longer."""
        return max(self.batch_size, PAPER.batch_size)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        if self.deterministic and self.xla == "on":
            raise errors.MedMNISTError(
                "deterministic and xla=on exclude each other in Keras. Expected one of "
                "them. Leave xla at auto: it is off in a deterministic run."
            )


PAPER = Recipe()  # section 3.1 of the Decathlon paper, and its official code
RECIPES = {"paper": PAPER}
FIELDS = {field.name: field for field in dataclasses.fields(Recipe)}

_SGD = "The optimizer is SGD: set its learning_rate or momentum."
# What is no field, though people look for it here.
_ELSEWHERE = {
    "seed": "It is no part of the recipe: give --seed, or fit(seed=...).",
    "out": "It is no part of the recipe: give --out, or fit(out=...).",
    "strategy": "It is no part of the recipe: give --strategy, or fit(strategy=...).",
    **dict.fromkeys(("opt", "optim", "optimizer", "optimiser"), _SGD),
}


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `field=value` settings applied, values of the field's own type.

    Raises:
      MedMNISTError: an unknown field (the one that may be meant is given), a bad
        value, or two values for one field.
    """
    changes = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in FIELDS:
            raise errors.MedMNISTError(
                f"The recipe has no field {name!r}. Expected one of "
                f"{', '.join(FIELDS)}.{hint(name)}"
            )
        value = parse(name, text, like=getattr(recipe, name))
        if name in changes and changes[name] != value:
            raise errors.MedMNISTError(
                f"{name} is given twice, as {changes[name]} and as {value}. Expected "
                "one value. Leave one out."
            )
        changes[name] = value
    return dataclasses.replace(recipe, **changes)


def hint(name: str) -> str:
    """What may be meant by a name that no field has: by meaning, then by spelling.

    A sentence with a blank before it, or nothing.
    """
    if told := _ELSEWHERE.get(_bare(name)):
        return f" {told}"
    meant = {
        _bare(known): field.name
        for field in FIELDS.values()
        for known in (field.name, *field.metadata["known_as"])
    }
    return errors.hint(_bare(name), meant)


def _bare(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def parse(name: str, text: str, *, like):
    """What a text means as a value like `like`: text, a number, true or false.

    Raises:
      MedMNISTError: nothing of that kind.
    """
    kind = type(like)
    try:
        if kind is bool:  # bool("False") is True: the words are read instead
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError) as error:
        raise errors.MedMNISTError(
            f"{name} is given {text!r}. Expected {_WORDS[kind]}, e.g. {name}={like}."
        ) from error
