"""Networks as functions: from raw images to logits. Knows no dataset."""

from medmnist_tfds.models import compat  # noqa: F401 (may refuse: first)
from medmnist_tfds.models.convolution import MatmulGradientConv2D
from medmnist_tfds.models.normalization import FusedBatchNormalization
from medmnist_tfds.models.resnet import resnet18, resnet50
from medmnist_tfds.models.tflite import TFLiteClassifier, export_tflite
from medmnist_tfds.models.torch_weights import load_torch_weights

NETWORKS = {"resnet18": resnet18, "resnet50": resnet50}

__all__ = [
    "NETWORKS",
    "FusedBatchNormalization",
    "MatmulGradientConv2D",
    "TFLiteClassifier",
    "export_tflite",
    "load_torch_weights",
    "resnet18",
    "resnet50",
]
