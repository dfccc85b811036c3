"""`XLAModel`: a Keras model whose training step is one XLA program, on any replicas.

Keras' own `jit_compile=True` compiles the whole step and fails with several replicas,
because gradients cannot be reduced inside an XLA program on GPUs or CPUs. Here XLA
compiles forward pass, loss and gradients as a pure function of tensors; reducing and
applying gradients stays outside. Never changes what a step computes.
"""

import keras
import tensorflow as tf

from medmnist_tfds.models import compat, devices
from medmnist_tfds.train import functional
from medmnist_tfds.train import strategy as strategies


@keras.saving.register_keras_serializable("medmnist_tfds")
class XLAModel(functional.MayBeFunctional, compat.BuildsFromLocalBatch, keras.Model):
    """A `keras.Model`, functional or subclassed, with an XLA-compiled `train_step`.

    Moving statistics (BatchNormalization) are averaged over replicas after each step,
    so that all replicas hold the same model. Each example of a batch counts the same,
    also where the replicas cannot share it evenly. Shapes of batches must be static;
    see `pipeline.Split.train_batches`.
    """

    def compile(
        self, *arguments: object, jit_compile: bool | str = "auto", **options: object
    ) -> None:
        """As `keras.Model.compile`; gradients are clipped per replica, as by Keras.

        Args:
          *arguments: as Keras takes them: optimizer, loss, metrics.
          **options: the same by their names.
          jit_compile: True or False; "auto" compiles for GPU and TPU, and not for CPU,
            where XLA is slower (51 against 76 images/s for ResNet-18 on two cores).
        """
        super().compile(*arguments, jit_compile=False, **options)
        if strategies.is_multi_worker(self.distribute_strategy):
            compat.check_build("Training by several workers")
        self._jit_wish = jit_compile
        self.uses_xla = (
            devices.has_accelerator() if jit_compile == "auto" else bool(jit_compile)
        )
        # On a TPU everything is compiled anyway, and must not be compiled twice.
        is_tpu = isinstance(self.distribute_strategy, tf.distribute.TPUStrategy)
        self._gradients = tf.function(
            self._pure_gradients,
            jit_compile=True if self.uses_xla and not is_tpu else None,
            autograph=False,
        )

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._build(x)
        scale = compat.loss_scale(self.optimizer) * _share_of_batch(x)
        loss, y_pred, gradients, others = self._gradients(
            compat.values(self.trainable_variables),
            compat.values(self.non_trainable_variables),
            (x, y, sample_weight),
            scale,
        )
        compat.apply_gradients(self.optimizer, gradients, self.trainable_variables)
        self._assign_mean_over_replicas(others)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        # Keras has divided the loss by the replicas, since gradients are summed.
        examples = tf.shape(tf.nest.flatten(x)[0])[0]
        compat.track_loss(self, loss * replicas, examples=examples)
        compat.track_losses_of_outputs(self, x, y, y_pred, sample_weight)
        logs = self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        if strategies.is_multi_worker(self.distribute_strategy):
            # Keras reduces logs over workers along axis 0, which a scalar lacks.
            logs = {name: tf.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    def _build(self, x) -> None:
        """Makes all variables before the compiled part, which cannot make any."""
        if not self.built:
            with tf.init_scope():
                self(tf.nest.map_structure(_one_like, x))
        compat.build(self.optimizer, self.trainable_variables)

    def _pure_gradients(self, trainable, others, batch, scale):
        """Loss, outputs, gradients and new values of the other variables."""
        x, y, sample_weight = batch
        variables = self.trainable_variables + self.non_trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            with compat.stateless(variables, trainable + others) as scope:
                y_pred = self(x, training=True)
                loss = compat.compute_loss(self, x, y, y_pred, sample_weight)
            scaled = loss * tf.cast(scale, loss.dtype)
        gradients = tape.gradient(scaled, trainable or self.trainable_variables)
        others = compat.new_values(scope, self.non_trainable_variables)
        return loss, y_pred, gradients, others

    def _assign_mean_over_replicas(self, values: list[tf.Tensor]) -> None:
        floats = [i for i, value in enumerate(values) if value.dtype.is_floating]
        replicas = tf.distribute.get_replica_context()
        if floats and replicas.num_replicas_in_sync > 1:
            means = replicas.all_reduce("MEAN", [values[i] for i in floats])
            for i, mean in zip(floats, means, strict=True):
                values[i] = mean
        for variable, value in zip(self.non_trainable_variables, values, strict=True):
            variable.assign(value)

    def lowered_step(self, data: tuple) -> str:
        """The compiled part of the step for a batch like `data`, as HLO text.

        It can be had only if all shapes are static, which is what a TPU needs.

        Args:
          data: (images, labels), or (images, labels, weights), as `fit` gets batches.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        lower = tf.function(self._pure_gradients, jit_compile=True, autograph=False)
        return lower.experimental_get_compiler_ir(
            compat.values(self.trainable_variables),
            compat.values(self.non_trainable_variables),
            (x, y, sample_weight),
            tf.ones(()),
        )(stage="hlo")


@keras.saving.register_keras_serializable("medmnist_tfds")
class FunctionalXLAModel(XLAModel, compat.Functional):
    """What `XLAModel(inputs, outputs)` makes."""

    __init__ = compat.Functional.__init__  # by its signature Keras knows how to load


XLAModel.functional = FunctionalXLAModel


def _one_like(part: tf.Tensor) -> tf.Tensor:
    """An example of zeros, of the form of those in a batch."""
    return tf.zeros([1, *part.shape[1:]], part.dtype)


def _share_of_batch(x) -> tf.Tensor:
    """This replica's number of examples, divided by the replicas' mean."""
    part, replicas = tf.nest.flatten(x)[0], tf.distribute.get_replica_context()
    if replicas.num_replicas_in_sync == 1 or part.shape[0] is not None:
        return tf.ones(())
    examples = tf.cast(tf.shape(part)[0], tf.float32)
    return examples / replicas.all_reduce("MEAN", examples)
