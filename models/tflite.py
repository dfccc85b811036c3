"""TensorFlow Lite: a network as one file for phones and microcontrollers, and back.

Never trains or scores; what comes out of a classifier are the network's own outputs.
"""

import os
import tempfile
import warnings
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from medmnist_tfds.models import compat, plain
from medmnist_tfds.process import errors, files

QUANTIZE = ("none", "float16", "int8")


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    quantize: str = "none",
    representative: Iterable[np.ndarray] | None = None,
) -> None:
    """Writes `model` as a `.tflite` file.

    Args:
      model: from images (batch, h, w, channels) in 0..255 to scores; of mixed
        precision too, which the file does not keep.
      path: of the file.
      quantize: `none` (float32), `float16` (weights), or `int8` (weights, activations,
        and uint8 images).
      representative: for int8, some hundred uint8 images (images, h, w, channels) of
        the training split, by which the ranges of activations are chosen.

    Raises:
      ValueError: another `quantize`, or int8 without representative images, or with
        such that the model does not take, or a model of volumes.
    """
    if isinstance(model.input_shape, tuple) and len(model.input_shape) == 5:
        raise ValueError(
            f"{model.name} takes volumes {model.input_shape[1:]}. Expected a model of "
            "images (height, width, channels): volumes cannot be exported. Save it as "
            "a .keras file."
        )
    if quantize not in QUANTIZE or (quantize == "int8") != (representative is not None):
        raise ValueError(
            f"quantize is {quantize!r}, with"
            f"{'out' if representative is None else ''} representative images. "
            f"Expected one of {', '.join(QUANTIZE)}, and such images for int8 only."
        )
    if quantize == "int8":
        examples = _calibration(representative, shape=model.input_shape[1:])
    with tempfile.TemporaryDirectory() as folder:
        compat.export_saved_model(_in_float32(model), folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if quantize != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if quantize == "int8":
            converter.representative_dataset = lambda: (
                [image[None].astype(np.float32)] for image in examples
            )
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.uint8
        content = converter.convert()
    with files.replacing(path) as temporary:
        temporary.write_bytes(content)


def _calibration(images: Iterable[np.ndarray], *, shape: tuple) -> np.ndarray:
    """The images as one array, of which the first has one value 0 and one 255.

    Without them, bytes would be taken for fractions of the range that was seen: with
    images up to 147, logits were wrong by four of their standard deviations.
    """
    images = [np.array(image) for image in images]
    wrong = {image.shape for image in images} - {shape}
    if wrong or not images:
        raise ValueError(
            f"The {len(images)} representative images have shapes "
            f"{sorted(wrong) or 'of none'}. Expected some hundred single images of "
            f"shape {shape}."
        )
    images[0].flat[0], images[0].flat[-1] = 0, 255
    return np.stack(images)


def _in_float32(model: keras.Model) -> keras.Model:
    """`model`, or a copy if of mixed precision: TFLite has no bfloat16 kernels."""
    if not {"bfloat16", "float16"} & {
        layer.compute_dtype for layer in plain.layers(model)
    }:
        return model

    def in_float32(layer):
        return layer.from_config(layer.get_config() | {"dtype": "float32"})

    uncompiled = keras.Model(model.inputs, model.outputs)
    return plain.clone(uncompiled, in_float32)


class TFLiteClassifier:
    """Predicts with a `.tflite` file, of our own or of another maker.

    Args:
      path: of a model with one image input (1, h, w, channels) and one output.

    Raises:
      MedMNISTError: no such file, a damaged one, or a model of another form.
    """

    def __init__(self, path: str | os.PathLike):
        self._interpreter = _interpreter(os.fspath(path))
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if [len(inputs), len(outputs)] != [1, 1] or len(inputs[0]["shape"]) != 4:
            shapes = [tuple(map(int, part["shape"])) for part in inputs]
            raise errors.MedMNISTError(
                f"{os.fspath(path)} takes {shapes} and gives {len(outputs)} outputs. "
                "Expected one input (1, height, width, channels) and one output."
            )
        (self._input,), (self._output,) = inputs, outputs
        self._allocated: tuple[int, ...] | None = None  # to allocate takes its time
        if self._input["dtype"] not in (np.uint8, np.float32):
            raise errors.MedMNISTError(
                f"{os.fspath(path)} takes {self._input['dtype'].__name__} images. "
                "Expected uint8 or float32. Export it with one of these as input."
            )

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that the model takes."""
        return tuple(int(size) for size in self._input["shape"][1:])

    def predict(self, images: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """float32 (examples, classes): what the model gives, without a softmax of ours.

        Args:
          images: uint8 (examples, h, w, channels), of `input_shape`.
          batch_size: images at a time.

        Raises:
          ValueError: images of another type or shape.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.input_shape:
            raise ValueError(
                f"The images are {images.dtype} {images.shape}. Expected uint8 of "
                f"shape (examples, {', '.join(map(str, self.input_shape))})."
            )
        parts = np.array_split(images, range(batch_size, len(images), batch_size))
        return np.concatenate([self._run(part) for part in parts])

    def _run(self, images: np.ndarray) -> np.ndarray:
        interpreter, index = self._interpreter, self._input["index"]
        if images.shape != self._allocated:
            interpreter.resize_tensor_input(index, images.shape)
            interpreter.allocate_tensors()
            self._allocated = images.shape
        interpreter.set_tensor(index, images.astype(self._input["dtype"]))
        interpreter.invoke()
        scores = interpreter.get_tensor(self._output["index"])
        scale, zero = self._output["quantization"]
        if scores.dtype.kind in "iu":
            scores = (scores.astype(np.float32) - zero) * scale
        return scores.astype(np.float32)


def _interpreter(path: str):
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = tf.lite.Interpreter  # still in TensorFlow up to 2.21
    with warnings.catch_warnings():
        # tf.lite warns of its end in a TensorFlow that our requirements leave out.
        warnings.simplefilter("ignore", UserWarning)
        try:
            return Interpreter(model_path=path, num_threads=os.cpu_count())
        except ValueError as error:
            raise errors.MedMNISTError(
                f"{path} is no TensorFlow Lite model ({error}). Expected a whole "
                ".tflite file. Export or copy it again."
            ) from error
