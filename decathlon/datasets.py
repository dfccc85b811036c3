"""The data of a Decathlon's datasets: written for methods once, in the background.

While one is found or downloaded, cells of others run and are scored. Never gives a
method the labels of a test split.
"""

import pathlib
import threading
from concurrent import futures

from medmnist_tfds.data import arrays, catalog
from medmnist_tfds.decathlon import exchange


class Datasets:
    """Files for methods in a folder, and the labels for scores, of what is asked for.

    Args:
      folder: where the files go.
      data_dir: TFDS's folder of prepared data.
      manual_dir: where official files lie.
    """

    def __init__(self, folder: pathlib.Path, *, data_dir=None, manual_dir=None):
        self._folder, self._places = folder, (data_dir, manual_dir)
        self._labels: dict[str, futures.Future] = {}

    def path(self, variant: catalog.Variant) -> pathlib.Path:
        """The file for methods; there when `labels` is done."""
        return self._folder / f"{variant.config}.npz"

    def labels(self, variant: catalog.Variant) -> futures.Future:
        """All labels, by split; the first call begins to prepare the dataset."""
        if variant.config not in self._labels:
            self._labels[variant.config] = future = futures.Future()
            # Not an Executor's thread: an interrupted process would wait for its end.
            work = threading.Thread(
                target=self._prepare, args=(variant, future), daemon=True
            )
            work.start()
        return self._labels[variant.config]

    @property
    def unready(self) -> list[futures.Future]:
        """Of the datasets that are being prepared."""
        return [future for future in self._labels.values() if not future.done()]

    def _prepare(self, variant: catalog.Variant, future: futures.Future) -> None:
        data_dir, manual_dir = self._places
        try:
            source = arrays.find(variant, data_dir=data_dir, manual_dir=manual_dir)
            future.set_result(exchange.write_data(self.path(variant), source))
        except BaseException as error:  # for whoever asks for the result
            future.set_exception(error)
