"""What kind of device this process computes on.

Never chooses one.
"""

import tensorflow as tf


def has_accelerator() -> bool:
    """Whether TensorFlow sees a GPU or TPU; starts its devices."""
    kinds = {device.device_type for device in tf.config.list_logical_devices()}
    return bool(kinds & {"GPU", "TPU"})
