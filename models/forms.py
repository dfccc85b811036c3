"""What layers a network is made of: for images, or for volumes as 2.5D, 3D or ACS.

The forms for volumes are those of the official experiments, which convert networks for
images by package ACSConv. Convolutions are Keras' own: what is saved loads without us,
and its Conv3D was as fast as the same by 2D convolutions, or faster. Knows no network.
"""

import dataclasses

import keras
import numpy as np

from medmnist_tfds.models import padding

# PyTorch's default for convolutions and linear layers: uniform, +-sqrt(1 / fan_in).
INITIALIZER = {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Form:
    """How networks of one form see, convolve and pool.

    Attributes:
      planes: for each part of a convolution's filters, its name, and for each axis 1
        if a kernel extends along it.
      rescaling: of bytes, scale and offset.
      is_inflated: kernels start as one for images, repeated in depth.
    """

    planes: dict[str, tuple[int, ...]]
    rescaling: tuple[float, float] = (1 / 255, 0)
    is_inflated: bool = False
    convolution: type = keras.layers.Conv3D
    pad: type = padding.SeparateZeroPadding3D
    largest: type = keras.layers.MaxPooling3D
    mean: type = keras.layers.GlobalAveragePooling3D

    def shape(self, size: int, channels: int) -> tuple[int, ...]:
        """Of one image, (size, size, channels), or volume, with a size more."""
        axes = len(next(iter(self.planes.values())))
        return (*axes * (size,), channels)


IMAGES = Form(
    planes={"": (1, 1)},
    rescaling=(1 / 127.5, -1),
    convolution=keras.layers.Conv2D,
    pad=keras.layers.ZeroPadding2D,
    largest=keras.layers.MaxPooling2D,
    mean=keras.layers.GlobalAveragePooling2D,
)
VOLUMES = {
    "2.5d": Form(planes={"": (0, 1, 1)}),
    "3d": Form(planes={"": (1, 1, 1)}, is_inflated=True),
    "acs": Form(
        planes={"axial": (0, 1, 1), "coronal": (1, 0, 1), "sagittal": (1, 1, 0)}
    ),
}


def form(convolution: str | None) -> Form:
    """The form of that name; images without one.

    Raises:
      ValueError: another name.
    """
    if convolution is None:
        return IMAGES
    if convolution not in VOLUMES:
        raise ValueError(
            f"convolution is {convolution!r}. Expected one of {', '.join(VOLUMES)} for "
            "volumes. Leave it out for images."
        )
    return VOLUMES[convolution]


def convolve(x, form: Form, *, filters: int, size: int, stride: int, name: str):
    """(batch, ..., c) -> (batch, ..., filters), each side s: ceil(s / stride).

    Of filters that cannot be divided evenly the first parts get more, as by ACSConv.
    A kernel of one pixel is the same in all planes: it stays in one part.
    """
    planes = form.planes if size > 1 else {"": next(iter(form.planes.values()))}
    count, parts = len(planes), []
    for number, (part, plane) in enumerate(planes.items()):
        convolved = _convolve_part(
            x,
            form,
            filters=(filters + count - 1 - number) // count,
            kernel=tuple(size if axis else 1 for axis in plane),
            stride=stride,
            name=name,
            part=f"_{part}" if part else "",
        )
        parts.append(convolved)
    if count == 1:
        return parts[0]
    return keras.layers.Concatenate(name=f"{name}_conv")(parts)


def _convolve_part(x, form: Form, *, filters, kernel, stride, name, part):
    border = "same"
    if stride > 1 and max(kernel) > 1:
        # "same" would pad the far sides only; PyTorch pads all of them.
        margins = tuple(size // 2 for size in kernel)
        x = form.pad(margins, name=f"{name}_pad{part}")(x)
        border = "valid"
    layer = form.convolution(
        filters,
        kernel,
        stride,
        border,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(**INITIALIZER),
        name=f"{name}_conv{part}",
    )
    x = layer(x)
    if form.is_inflated:
        _inflate(layer)
    return x


def _inflate(layer: keras.layers.Conv3D) -> None:
    """Gives a new layer one kernel for images, over and over, divided by the depth.

    The official 3D networks start so (as I3D does), and their scripts say no other way.
    """
    (kernel,) = layer.get_weights()
    depth = len(kernel)
    # Drawn for depth times the inputs of a kernel for images, so sqrt(depth) too small.
    layer.set_weights([np.repeat(kernel[:1] / depth**0.5, depth, axis=0)])


def pool(x, form: Form, *, name: str):
    """(batch, ..., c) -> (batch, ..., c), each side s becoming ceil(s / 2)."""
    # After ReLU a zero border never wins, as PyTorch's -infinity border never does.
    x = form.pad(1, name=f"{name}_pad_pool")(x)
    return form.largest(3, 2, name=f"{name}_pool")(x)
