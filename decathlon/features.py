"""What a frozen network sees in a dataset's images: computed once, for all methods.

In a process of its own, so that the harness needs no TensorFlow. Never sees a label.
"""

import os
import pathlib
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np

from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors, files

FILE = "features.npz"
# By name: what they were trained on before.
NETWORKS = {"efficientnet": "ImageNet (EfficientNet-Lite0)"}
CHECKSUMS, SECONDS = "checksums", "seconds"
_BATCH = 256


def place(root: pathlib.Path, variant: catalog.Variant, network: str) -> pathlib.Path:
    """Where a Decathlon's folder keeps what a network sees in a dataset."""
    return root / "features" / f"{variant.config}-{network}.npz"


def seconds(path: pathlib.Path) -> float:
    """That it took to compute what `prepare` has written."""
    with np.load(path) as known:
        return float(known[SECONDS])


def prepare(data: pathlib.Path, path: pathlib.Path, network: str) -> None:
    """Writes the features of a dataset, unless those of just its images are there.

    Args:
      data: the file that methods get.
      path: gets `{split}`, float32 (examples, features), in the official order;
        `checksums` of the images, for data can be rebuilt under the same name; and
        the `seconds` that it took.
      network: one of `NETWORKS`.

    Raises:
      MedMNISTError: the process that computes them failed.
    """
    if path.exists():
        with np.load(path) as known:
            is_whole = {CHECKSUMS, SECONDS} <= set(known.files)
            if is_whole and known[CHECKSUMS].tolist() == _checksums(data):
                return
    path.parent.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "medmnist_tfds.decathlon.features"]
    until_we_end, ours = os.pipe()  # as long as this process lives, nothing comes
    try:
        done = subprocess.run(
            [*program, str(data.resolve()), str(path.resolve()), network],
            stdin=until_we_end,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=path.parent,  # not the user's, whose files could stand before ours
        )
    finally:
        os.close(until_we_end)
        os.close(ours)
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

    found, extract, start = {CHECKSUMS: _checksums(data)}, None, time.perf_counter()
    with np.load(data) as arrays:
        for split in catalog.SPLITS:
            images = arrays[f"{split}_images"]
            if extract is None:
                whole = models.NETWORKS[network](2, images.shape[-1], images.shape[1])
                layer = whole.get_layer(f"{network}_features")
                extract = keras.Model(whole.input, layer.output)
            seen = extract.predict(images, batch_size=_BATCH, verbose=0)
            found[split] = seen.astype(np.float32)
    found[SECONDS] = time.perf_counter() - start
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **found)


def _end_with_parent() -> None:
    os.read(0, 1)  # not sys.stdin, whose lock would be held at the end
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.nice(10)  # cells that run meanwhile have limits of time
    compute(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3])
