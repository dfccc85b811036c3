"""Networks as functions: from raw images to logits. Knows no dataset."""

from medmnist_tfds.models import compat  # noqa: F401 (may refuse: first)
from medmnist_tfds.models.convolution import MatmulGradientConv2D
from medmnist_tfds.models.efficientnet_lite import efficientnet
from medmnist_tfds.models.loading import load
from medmnist_tfds.models.normalization import FusedBatchNormalization
from medmnist_tfds.models.padding import SeparateZeroPadding3D
from medmnist_tfds.models.predicting import Prediction, Predictor, predict
from medmnist_tfds.models.resnet import resnet10, resnet18, resnet50
from medmnist_tfds.models.tflite import TFLiteClassifier, export_tflite
from medmnist_tfds.models.torch_weights import load_torch_weights

# The paper's two take a resolution, the others the size of the images; all but
# efficientnet a convolution, for volumes.
NETWORKS = {
    "resnet18": resnet18,
    "resnet50": resnet50,
    "resnet10": resnet10,
    "efficientnet": efficientnet,
}

__all__ = [
    "NETWORKS",
    "FusedBatchNormalization",
    "MatmulGradientConv2D",
    "Prediction",
    "Predictor",
    "SeparateZeroPadding3D",
    "TFLiteClassifier",
    "efficientnet",
    "export_tflite",
    "load",
    "load_torch_weights",
    "predict",
    "resnet10",
    "resnet18",
    "resnet50",
]
