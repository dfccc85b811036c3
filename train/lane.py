"""Step and devices of the lane: on TensorFlow or on JAX, chosen here, once."""

from medmnist_tfds.models import compat

if compat.BACKEND == "jax":
    from medmnist_tfds.train import on_jax as model
    from medmnist_tfds.train import on_jax as strategy
else:
    from medmnist_tfds.train import model, strategy

__all__ = ["XLAModel", "choose_strategy", "model", "strategy"]

XLAModel = model.XLAModel
choose_strategy = strategy.choose_strategy
