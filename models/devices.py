"""What kind of device this process computes on.

Never chooses one.
"""

from medmnist_tfds.models import compat


def has_accelerator() -> bool:
    """Whether Keras computes on a GPU or TPU; starts its devices."""
    return bool(compat.device_kinds() & {"GPU", "TPU"})
