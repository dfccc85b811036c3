"""The data of a Decathlon's datasets: written for methods once, in the background.

While one is found or downloaded, cells of others run and are scored. Never gives a
method the labels of a test split.
"""

import pathlib
import threading
from collections.abc import Callable
from concurrent import futures

import numpy as np

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import exchange, features


class Datasets:
    """Files for methods in a folder, and the labels for scores, of what is asked for.

    Args:
      folder: where the files go.
      root: of the Decathlon, where what networks see in them stays.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        *,
        root: pathlib.Path,
        data_dir=None,
        manual_dir=None,
    ):
        self._folder, self._places = folder, (data_dir, manual_dir)
        self._root = root
        self._labels: dict[str, futures.Future] = {}
        self._features: dict[pathlib.Path, futures.Future] = {}

    def path(self, variant: catalog.Variant) -> pathlib.Path:
        """The file for methods; there when `labels` is done."""
        return self._folder / f"{variant.config}.npz"

    def labels(self, variant: catalog.Variant) -> futures.Future:
        """All labels, by split; the first call begins to prepare the dataset."""
        if variant.config not in self._labels:
            self._labels[variant.config] = _start(self._prepare, variant)
        return self._labels[variant.config]

    def features(self, variant: catalog.Variant, network: str) -> futures.Future:
        """Done when `features.place` holds them; the first call begins with it."""
        path = features.place(self._root, variant, network)
        if path not in self._features:
            self._features[path] = _start(self._extract, variant, path, network)
        return self._features[path]

    @property
    def unready(self) -> list[futures.Future]:
        """Of the datasets and features that are being prepared."""
        known = (*self._labels.values(), *self._features.values())
        return [future for future in known if not future.done()]

    def _prepare(self, variant: catalog.Variant) -> dict[str, np.ndarray]:
        data_dir, manual_dir = self._places
        source = arrays.find(variant, data_dir=data_dir, manual_dir=manual_dir)
        return exchange.write_data(self.path(variant), source)

    def _extract(self, variant: catalog.Variant, path, network: str) -> None:
        self.labels(variant).result()
        features.prepare(self.path(variant), path, network)


def _start(function: Callable, *arguments) -> futures.Future:
    """Its result, from a thread of its own.

    Not an Executor's thread: an interrupted process would wait for its end.
    """
    future = futures.Future()

    def run() -> None:
        try:
            future.set_result(function(*arguments))
        except BaseException as error:  # for whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
