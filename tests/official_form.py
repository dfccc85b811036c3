"""Small files of the official form, a server that gives them, and their variants.

Never touches the real home or the network.
"""

import contextlib
import dataclasses
import hashlib
import http.server
import io
import pathlib
import sys
import threading
import zipfile

import numpy as np
import pytest

from medmnist_tfds.data import archive, catalog, finding
from medmnist_tfds.process import errors

# The user's own folders, before any test changes the environment.
REAL_FOLDERS = (finding.root(), pathlib.Path("~/.medmnist").expanduser())
COUNTS = {"train": 5, "val": 2, "test": 3}
PAGE = b"<!DOCTYPE html><html><title>Please log in</title></html>"
NAME = catalog.variant("breast").file.name
FIND = """
import dataclasses, sys
from medmnist_tfds.data import archive, catalog, finding
from medmnist_tfds.process import errors
variant = catalog.variant("breast")
files = {28: catalog.File(url=sys.argv[1], md5=sys.argv[2])}
release = dataclasses.replace(variant.release, files=files)
try:
    print(finding.find(dataclasses.replace(variant, release=release), retries=0))
except errors.MedMNISTError as error:
    sys.exit(str(error))
"""


def official_arrays(name: str = "breast", **changes) -> dict:
    """Six arrays of the official form; `changes` replaces some, None removes one."""
    dataset, generator = catalog.DATASETS[name], np.random.default_rng(0)
    *pixels, channels = catalog.variant(name).image_shape
    pixels += [channels] * (channels > 1)
    highest = 1 if dataset.label_columns > 1 else dataset.num_labels - 1
    arrays = {}
    for split, count in COUNTS.items():
        images = generator.integers(0, 256, (count, *pixels), np.uint8)
        labels = generator.integers(0, highest + 1, (count, dataset.label_columns))
        arrays |= {f"{split}_images": images, f"{split}_labels": labels.astype("u1")}
    return {key: x for key, x in (arrays | changes).items() if x is not None}


def npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def npz(arrays: dict, compression: int = zipfile.ZIP_STORED) -> bytes:
    """What `np.savez` writes; bytes in place of an array stand there as they are."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as members:
        for name, value in arrays.items():
            data = value if isinstance(value, bytes) else npy(value)
            members.writestr(f"{name}.npy", data)
    return content.getvalue()


def variant_of(
    content: bytes, *, name: str = "breast", url: str = f"http://127.0.0.1:9/{NAME}"
) -> catalog.Variant:
    """The variant whose official file has `content`."""
    real = catalog.variant(name)
    md5 = hashlib.md5(content).hexdigest()
    file = catalog.File(url=url, md5=md5, bytes=len(content))
    release = dataclasses.replace(real.release, splits=COUNTS, files={28: file})
    return dataclasses.replace(real, release=release)


OFFICIAL = npz(official_arrays())


class Server(http.server.ThreadingHTTPServer):
    """Gives `answers` in turn, the last one again and again."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/{NAME}"
        self.content, self.answers, self.requests = OFFICIAL, ["whole"], []
        self.variant = variant_of(OFFICIAL, url=self.url)
        self.gate = threading.Barrier(1)  # so many requests are answered together


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        answer = server.answers[min(len(server.requests), len(server.answers) - 1)]
        server.requests.append(self.path)
        server.gate.wait(timeout=30)
        if isinstance(answer, int):
            return self.send_error(answer)
        body = PAGE if answer == "page" else server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer == "half" else body)

    def log_message(self, *args):
        pass


def find_command(server: Server) -> list[str]:
    """Finds the server's file in a process of its own, and prints where it is."""
    return [sys.executable, "-c", FIND, server.url, server.variant.file.md5]


def put(folder: pathlib.Path, content: bytes = OFFICIAL) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(content)
    return folder / NAME


def files_in(places: dict[str, pathlib.Path]) -> list[str]:
    """Names of all files in the folders, temporary and misplaced ones too."""
    everything = places["own"].parent.rglob("*")
    return sorted(path.name for path in everything if path.is_file())


def open_archive(folder: pathlib.Path, content: bytes, name: str = "breast"):
    """The archive of a file which has the official MD5, whatever its content."""
    variant = variant_of(content, name=name)
    put(folder, content)
    return archive.Archive(variant, folder=folder, download=False)


@contextlib.contextmanager
def refused(*words: str):
    """Expects a MedMNISTError whose message has all `words`."""
    with pytest.raises(errors.MedMNISTError) as caught:
        yield
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"
