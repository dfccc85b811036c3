"""MedMNIST for TensorFlow: importing this package registers its TFDS builders.

Never imports TensorFlow, reads files, downloads or prints.
"""

from medmnist_tfds.medmnist import medmnist_dataset_builder as _medmnist  # noqa: F401
from medmnist_tfds.medmnist_phantom import (
    medmnist_phantom_dataset_builder as _phantom,  # noqa: F401
)

__version__ = "0.1.0"
