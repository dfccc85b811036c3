"""How a model is trained: a frozen record, so that a run can be repeated.

Never trains, and never depends on the dataset or the machine. Imports no TensorFlow:
the command line's help shows the fields.
"""

import dataclasses
import re

from medmnist_tfds.process import errors

OF_THE_PAPER = ("resnet18", "resnet50")  # they may enlarge images of 28 pixels
OF_IMAGES = ("efficientnet",)  # has no form for volumes
MODELS = (*OF_THE_PAPER, "resnet10", "efficientnet")
_WORDS = {int: "a whole number", float: "a number", bool: "True or False"}


def _field(
    default, meaning: str, *, choices=(), bounds=(), is_sum=False, known_as: str = ""
):
    """A field of the recipe, and what can be said of it.

    Args:
      choices: all values that it may have, where these can be named.
      is_sum: whether it may also have several of these, joined by +.
      bounds: else the least and the largest; NaN is not between.
      known_as: what else people call it.
    """
    metadata = {
        "meaning": meaning,
        "choices": choices,
        "is_sum": is_sum,
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
        is_sum = field.metadata["is_sum"]
        expected += ", or several joined by +" * is_sum
        parts = value.split("+") if is_good and is_sum else [value]
        is_good = is_good and set(parts) <= set(choices)
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
    """Settings of one training run; the defaults are the paper's.

    Nothing here changes with the number of replicas, and nothing with the dataset but
    what is known before a result is seen: its size, its task, and its mirrors.
    """

    model: str = _field(
        "resnet18",
        "the network; several joined by + are trained side by side and averaged",
        choices=MODELS,
        is_sum=True,
        known_as="network net arch architecture backbone",
    )
    resolution: int = _field(
        28,
        "224: images of 28 pixels are enlarged to it inside the paper's networks; "
        "28: images of any size are seen as they are",
        choices=(28, 224),
        known_as="size image_size img_size pixels",
    )
    convolution: str = _field(
        "acs",
        "of networks that take volumes: in planes (2.5d), in all three axes (3d), or a "
        "third of the filters in the planes of each axis (acs; Yang et al., 2021)",
        choices=("2.5d", "3d", "acs"),
        known_as="conv convolutions kernel",
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
    max_images: int = _field(
        0,
        "training images after which the last epoch ends, so that large datasets "
        "have fewer epochs; 0: all epochs",
        bounds=(0, 2**63 - 1),
        known_as="images budget",
    )
    optimizer: str = _field(
        "sgd",
        "what makes steps of gradients",
        choices=("sgd", "adam", "adamw"),
        known_as="opt optim optimiser",
    )
    learning_rate: float = _field(
        1e-3, "the highest", bounds=(1e-30, 1e30), known_as="lr rate eta"
    )
    schedule: str = _field(
        "constant",
        "of the learning rate; cosine rises for 15 % of the steps, then falls to 0; "
        "steps is divided by 10 after half and three quarters of them",
        choices=("constant", "cosine", "steps"),
        known_as="scheduler decay annealing lr_schedule",
    )
    momentum: float = _field(0.9, "of SGD", bounds=(0, 1 - 1e-9), known_as="beta")
    weight_decay: float = _field(
        0.0, "of AdamW", bounds=(0, 1e3), known_as="wd l2 regularization"
    )
    label_smoothing: float = _field(
        0.0, "share of each label that all classes have", bounds=(0, 0.9), known_as="ls"
    )
    augment: str = _field(
        "none",
        "what images go through in training; light: mirrored as their dataset allows, "
        "turned, zoomed, moved, brighter and darker, by a little; of volumes in all "
        "three axes",
        choices=("none", "light"),
        known_as="augmentation aug augmentations",
    )
    views: str = _field(
        "one",
        "what the kept network averages over: the image, or also its mirror images "
        "that its dataset allows",
        choices=("one", "mirrors"),
        known_as="tta",
    )
    keep: str = _field(
        "best",
        "the epoch that is kept: best by validation AUC, or the last",
        choices=("best", "last"),
    )
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

    def of_size(self, examples: int) -> "Recipe":
        """The recipe for one dataset: `epochs` as `max_images` allows.

        Args:
          examples: of the training split.
        """
        epochs = -(-self.max_images // examples) if self.max_images else self.epochs
        return dataclasses.replace(self, epochs=min(self.epochs, epochs), max_images=0)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        if self.weight_decay and self.optimizer != "adamw":
            raise errors.MedMNISTError(
                f"weight_decay is {self.weight_decay}, and the optimizer is "
                f"{self.optimizer}. Expected adamw, or none. Set optimizer=adamw."
            )
        if self.resolution != 28 and not set(self.model.split("+")) & {*OF_THE_PAPER}:
            raise errors.MedMNISTError(
                f"resolution is {self.resolution}, and the model {self.model} sees "
                f"images as they are. Expected 28, or one of {', '.join(OF_THE_PAPER)} "
                "among its networks. Leave resolution out."
            )
        if self.patience and self.keep == "last":
            raise errors.MedMNISTError(
                f"patience is {self.patience}, and the last epoch is kept: none is "
                "better than another. Expected one of both. Set keep=best, too."
            )
        if self.deterministic and self.xla == "on":
            raise errors.MedMNISTError(
                "deterministic and xla=on exclude each other in Keras. Expected one of "
                "them. Leave xla at auto: it is off in a deterministic run."
            )


PAPER = Recipe()  # section 3.1 of the Decathlon paper, and its official code
# Of MedMNIST v2 (Yang et al., Scientific Data 2023, 10:41) and its official code, by
# which the published values of its twelve datasets of images and six of volumes are.
V2 = Recipe(optimizer="adam", schedule="steps")
V2_3D = dataclasses.replace(V2, batch_size=32)
# From scratch, at a fraction of the cost: docs/recipes.md says why each line is here.
FAST = Recipe(
    model="resnet10",
    epochs=30,
    max_images=1_000_000,
    batch_size=64,
    optimizer="adamw",
    learning_rate=2e-3,
    schedule="cosine",
    weight_decay=0.05,
    label_smoothing=0.1,
    augment="light",
    views="mirrors",
    keep="last",
)
# Beside it, what was learned on ImageNet: half the rate, and fewer, dearer epochs.
BEST = dataclasses.replace(
    FAST,
    model="resnet10+efficientnet",
    epochs=15,
    max_images=500_000,
    learning_rate=1e-3,
)
RECIPES = {"paper": PAPER, "fast": FAST, "best": BEST, "v2": V2, "v2_3d": V2_3D}


def named(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
      MedMNISTError: there is none.
    """
    if name not in RECIPES:
        raise errors.MedMNISTError(
            f"There is no recipe {name!r}. Expected one of {', '.join(RECIPES)}."
            f"{errors.hint(name, {known: known for known in RECIPES})}"
        )
    return RECIPES[name]


FIELDS = {field.name: field for field in dataclasses.fields(Recipe)}

# What is no field, though people look for it here.
_ELSEWHERE = {
    "seed": "It is no part of the recipe: give --seed, or fit(seed=...).",
    "out": "It is no part of the recipe: give --out, or fit(out=...).",
    "strategy": "It is no part of the recipe: give --strategy, or fit(strategy=...).",
}


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `field=value` settings applied, values of the field's own type.

    Args:
      recipe: which stays as it is.
      settings: each a text, `epochs=20`.

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
