"""A model class that may be functional, and stays itself: `Kind(inputs, outputs)`.

Keras would put its functional model between such a class and `keras.Model`, for good:
no subclass with a `call` of its own could be made after that. Compiled again when it is
loaded. Knows no step.
"""

import keras

from medmnist_tfds.models import compat, precision
from medmnist_tfds.train import outputs


class MayBeFunctional:
    """For a `keras.Model` of which `functional`, set on the class, is a kind.

    Its `compile` keeps the wish for XLA, `_jit_wish`, as it was given.
    """

    def __new__(cls, *args, **kwargs):
        kind = cls
        if "functional" in vars(cls) and _are_inputs_and_outputs(args, kwargs):
            kind = cls.functional
        return super().__new__(kind, *args, **kwargs)

    def __init__(self, *args, **kwargs):  # so named, Keras can load it from a file
        is_functional = isinstance(self, compat.Functional)
        if _are_inputs_and_outputs(args, kwargs) and not is_functional:
            _make_functional(type(self))
        super().__init__(*args, **kwargs)

    @classmethod
    def from_functional(cls, model: keras.Model):
        """The same layers, weights and precision as those of a functional model.

        Args:
          model: from images to logits, as `resnet18` makes it.
        """
        with precision.policy(model.dtype_policy):
            return cls(model.input, model.output, name=model.name)

    def __call__(self, *arguments, **options):
        if arguments:
            outputs.check_images(self, arguments[0])
        return super().__call__(*arguments, **options)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config and config | {"jit_compile": self._jit_wish}

    def compile_from_config(self, config):
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            compat.build(self.optimizer, self.trainable_variables)


def _are_inputs_and_outputs(args: tuple, kwargs: dict) -> bool:
    return len(args) == 2 or "outputs" in kwargs


def _make_functional(cls: type) -> type:
    """As Keras does with a class whose models are made so, but `cls` stays."""
    if "functional" in vars(cls):
        return cls.functional
    if issubclass(cls, MayBeFunctional) and cls is not MayBeFunctional:
        cls.__bases__ = tuple(map(_make_functional, cls.__bases__))
    return cls
