"""Step and devices in Keras on JAX: `XLAModel` and `choose_strategy` by their names.

Keras compiles the whole step itself there, for one device or several. Never reads data:
TensorFlow does, on the CPU.
"""

import contextlib
import dataclasses
import warnings

import jax
import keras
import tensorflow as tf

from medmnist_tfds.models import compat
from medmnist_tfds.process import errors
from medmnist_tfds.train import functional, outputs

NAMES = ("auto", "single", "mirrored", "tpu")
WORKER_ERRORS = ()  # a lost worker's: there are none

try:
    for kind in ("GPU", "TPU"):  # JAX wants all of them
        tf.config.set_visible_devices([], kind)
except RuntimeError:
    warnings.warn(
        f"TensorFlow has started before Keras on JAX, and holds the {kind}s' memory. "
        "Import medmnist_tfds.train before TensorFlow computes anything.",
        stacklevel=2,
    )


@dataclasses.dataclass(frozen=True)
class Devices:
    """What a run computes on; it is used as tf.distribute's strategies are."""

    names: tuple[str, ...]  # as Keras has them: `cpu:0`

    @property
    def num_replicas_in_sync(self) -> int:
        return len(self.names)

    def scope(self):
        """Models that are built inside share their batches among the devices."""
        if len(self.names) == 1:
            return contextlib.nullcontext()
        return keras.distribution.DataParallel(devices=list(self.names)).scope()


def choose_strategy(name: str = "auto") -> Devices:
    """The devices of that name; prints one line that says what was chosen.

    Args:
      name: `auto` takes all TPU cores or GPUs, else the CPU. `single` is one device;
        `mirrored` all there are of the kind, also CPUs; `tpu` the TPU cores.

    Raises:
      MedMNISTError: another name, or devices that are not there.
    """
    if name not in NAMES:
        hint = " Several workers need Keras on TensorFlow." * (name == "multi-worker")
        raise errors.MedMNISTError(
            f"There is no strategy {name!r} with Keras on JAX. Expected one of "
            f"{', '.join(NAMES)}.{hint}"
        )
    kind = jax.default_backend()
    names = tuple(keras.distribution.list_devices(kind))
    if name == "tpu" and kind != "tpu":
        raise errors.MedMNISTError(
            f"Strategy tpu was asked for, but there is no TPU. Found "
            f"{', '.join(names)}. Choose a TPU runtime, or another strategy."
        )
    if name == "single" or (name == "auto" and kind == "cpu"):
        names = names[:1]
    one = f"one {kind.upper()}"
    several = f"a batch shared by {len(names)} {kind.upper()}s"
    print(f"Devices: {one if len(names) == 1 else several} (JAX).", flush=True)
    return Devices(names)


def is_multi_worker(strategy: Devices | None) -> bool:
    return False


def is_chief(strategy: Devices | None) -> bool:
    """Whether this process writes the results."""
    return True


def check_batch_size(batch_size: int, strategy: Devices | None) -> None:
    """Refuses a batch that the devices cannot share evenly.

    Raises:
      MedMNISTError: such a batch.
    """
    count = strategy.num_replicas_in_sync if strategy else 1
    if batch_size % count:
        less = batch_size // count * count
        expected = " or ".join(str(n) for n in (less, less + count) if n)
        raise errors.MedMNISTError(
            f"{count} devices cannot share a batch of {batch_size} evenly. Expected a "
            f"multiple of {count}. Set batch_size={expected}."
        )


def make_deterministic() -> None:
    """Nothing: the same program gives the same bits on a CPU or a TPU."""


@keras.saving.register_keras_serializable("medmnist_tfds")
class XLAModel(functional.MayBeFunctional, keras.Model):
    """A `keras.Model`, functional or subclassed, whose step JAX compiles whole.

    Where several devices share a batch, BatchNormalization's statistics are those of
    all of it (on TensorFlow: of each replica's part), so that a run computes the same
    on any number of devices.
    """

    def compile(self, *arguments, jit_compile: bool | str = "auto", **options) -> None:
        """As `keras.Model.compile`; "auto" compiles."""
        self._jit_wish, self.uses_xla = jit_compile, bool(jit_compile)
        super().compile(*arguments, jit_compile=self.uses_xla, **options)
        self._distribution = keras.distribution.distribution()

    def stateless_call(self, trainable, others, *arguments, **options):
        if arguments:  # Keras' steps come here, not to `__call__`
            outputs.check_images(self, arguments[0])
        return super().stateless_call(trainable, others, *arguments, **options)

    def fit(self, *arguments, **options):
        with self._devices():
            return super().fit(*arguments, **options)

    def evaluate(self, *arguments, **options):
        with self._devices():
            return super().evaluate(*arguments, **options)

    def predict(self, *arguments, **options):
        with self._devices():
            return super().predict(*arguments, **options)

    @contextlib.contextmanager
    def _devices(self):
        """Those among which the model was made; Keras shares batches by its scope."""
        made_in = getattr(self, "_distribution", None)
        try:
            with made_in.scope() if made_in else contextlib.nullcontext():
                yield
        except RuntimeError as error:  # in which Keras to 3.13 wraps others
            if isinstance(error.__context__, errors.MedMNISTError):
                raise error.__context__ from None
            raise


@keras.saving.register_keras_serializable("medmnist_tfds")
class FunctionalXLAModel(XLAModel, compat.Functional):
    """What `XLAModel(inputs, outputs)` makes."""

    __init__ = compat.Functional.__init__  # by its signature Keras knows how to load


XLAModel.functional = FunctionalXLAModel
