"""Trains a network a little, or predicts with its weights; in either Keras.

`other_keras.py train|predict NETWORK FOLDER`. Run by test_keras_versions.py.
"""

import pathlib
import sys

import keras
import numpy as np

from medmnist_tfds import models, train


def main(what: str, network: str, folder: pathlib.Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(32, 28, 28, 1), dtype=np.uint8)
    labels = rng.integers(4, size=32)
    name, _, resolution = network.partition("_")
    model = models.NETWORKS[name](4, channels=1, resolution=int(resolution))
    if what == "train":
        keras.utils.set_random_seed(0)
        trained = train.XLAModel.from_functional(model)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trained.compile(keras.optimizers.SGD(0.01, 0.9), loss)
        trained.fit(images, labels, batch_size=16, epochs=2, verbose=0)
        model.save_weights(folder / "model.weights.h5")
    else:
        model.load_weights(folder / "model.weights.h5")
    np.save(folder / f"{what}.npy", model.predict(images, verbose=0))


main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]))
