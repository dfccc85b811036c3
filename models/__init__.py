"""Networks as functions: from raw images to logits. Knows no dataset."""

from medmnist_tfds.models.resnet import resnet18

__all__ = ["resnet18"]
