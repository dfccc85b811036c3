"""What a frozen network sees in a dataset's images: computed once, for all methods.

In a process of its own, so that the harness needs no TensorFlow. Never sees a label.
"""

import pathlib
import subprocess
import sys
import zipfile

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors, files

FILE = "features.npz"
# By name: what they were trained on before.
NETWORKS = {"efficientnet": "ImageNet (EfficientNet-Lite0)"}
CHECKSUMS = "checksums"
_BATCH = 256


def prepare(data: pathlib.Path, path: pathlib.Path, network: str) -> None:
    """Writes the features of a dataset, unless those of just its images are there.

    Args:
      data: the file that methods get.
      path: gets `{split}`, float32 (examples, features), in the official order; and
        `checksums` of the images, for data can be rebuilt under the same name.
      network: one of `NETWORKS`.

    Raises:
      MedMNISTError: the process that computes them failed.
    """
    if path.exists():
        with np.load(path) as known:
            if known[CHECKSUMS].tolist() == _checksums(data):
                return
    path.parent.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "medmnist_tfds.decathlon.features"]
    done = subprocess.run(
        [*program, str(data.resolve()), str(path.resolve()), network],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=path.parent,  # not the user's, whose files could stand before our modules
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise errors.MedMNISTError(
            f"The features of {network} could not be computed: the process ended with "
            f"{done.returncode} ({last}). Expected {path}. Run the Decathlon again, or "
            'try a method that extends this one with `features = "pixels"`.'
        )


def _checksums(data: pathlib.Path) -> list[int]:
    """CRC-32 of the images of each split, as the archive has them."""
    with zipfile.ZipFile(data) as members:
        return [members.getinfo(f"{split}_images.npy").CRC for split in catalog.SPLITS]


def compute(data: pathlib.Path, path: pathlib.Path, network: str) -> None:
    """As `prepare` says, in this process."""
    from medmnist_tfds.process import memory, quiet

    memory.keep_freed()
    quiet.tensorflow_search()
    import keras

    from medmnist_tfds import models

    found, extract = {CHECKSUMS: np.array(_checksums(data))}, None
    with np.load(data) as arrays:
        for split in catalog.SPLITS:
            images = arrays[f"{split}_images"]
            if extract is None:
                whole = models.NETWORKS[network](2, images.shape[-1], images.shape[1])
                layer = whole.get_layer(f"{network}_features")
                extract = keras.Model(whole.input, layer.output)
            seen = extract.predict(images, batch_size=_BATCH, verbose=0)
            found[split] = seen.astype(np.float32)
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **found)


if __name__ == "__main__":
    compute(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3])
