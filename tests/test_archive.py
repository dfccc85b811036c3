"""The official files: found, downloaded and verified, or refused with a way out.

Never touches the real home or the network: a small file of the official form comes from
a real HTTP server on this machine, and each failure really happens.
"""

import contextlib
import dataclasses
import hashlib
import http.server
import io
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile

import numpy as np
import pytest

from medmnist_tfds import archive, catalog, errors

# The user's own folders, before any test changes the environment.
REAL_FOLDERS = (archive.root(), pathlib.Path("~/.medmnist").expanduser())
COUNTS = {"train": 5, "val": 2, "test": 3}
PAGE = b"<!DOCTYPE html><html><title>Please log in</title></html>"
NAME = catalog.variant("breast").file.name
FIND = """
import dataclasses, sys
from medmnist_tfds import archive, catalog, errors
variant = catalog.variant("breast")
files = {28: catalog.File(url=sys.argv[1], md5=sys.argv[2])}
release = dataclasses.replace(variant.release, files=files)
try:
    print(archive.find(dataclasses.replace(variant, release=release), retries=0))
except errors.MedMNISTError as error:
    sys.exit(str(error))
"""


def official_arrays(name: str = "breast", **changes) -> dict:
    """Six arrays of the official form; `changes` replaces some, None removes one."""
    dataset, generator = catalog.DATASETS[name], np.random.default_rng(0)
    pixels = (28, 28, 3) if dataset.channels == 3 else (28, 28)
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
        self.content, self.answers, self.requests = OFFICIAL, ["whole"], 0
        self.gate = threading.Barrier(1)  # so many requests are answered together

    @property
    def variant(self) -> catalog.Variant:
        return variant_of(self.content, url=self.url)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        answer = server.answers[min(server.requests, len(server.answers) - 1)]
        server.requests += 1
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


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch) -> dict[str, pathlib.Path]:
    """The three folders that are searched, in a home of our own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDMNIST_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    home = tmp_path / "home" / ".medmnist"
    return {"own": tmp_path / "own", "root": tmp_path / "root", "home": home}


def put(folder: pathlib.Path, content: bytes = OFFICIAL) -> pathlib.Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(content)
    return folder / NAME


def files_in(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


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


# Search


@pytest.mark.parametrize(
    "there, chosen",
    [
        (["own", "root", "home"], "own"),
        (["root", "home"], "root"),
        (["home"], "home"),
    ],
)
def test_find_takes_the_explicit_folder_then_root_then_home_without_a_request(
    places, server, there, chosen
):
    paths = {place: put(places[place]) for place in there}
    assert archive.find(server.variant, folder=places["own"]) == paths[chosen]
    assert server.requests == 0


@pytest.mark.parametrize("is_set, chosen", [(True, "root"), (False, "home")])
def test_find_downloads_to_medmnist_root_or_else_to_the_home(
    places, server, monkeypatch, tmp_path, is_set, chosen
):
    if not is_set:
        monkeypatch.delenv("MEDMNIST_ROOT")
    path = archive.find(server.variant, folder=places["own"], retries=0)
    assert path == places[chosen] / NAME
    assert path.read_bytes() == OFFICIAL
    assert files_in(tmp_path) == [NAME]
    assert archive.find(server.variant, folder=places["own"]) == path
    assert server.requests == 1


def test_find_without_download_names_all_folders_and_sends_no_request(
    places, server, tmp_path
):
    with refused(
        "There is no", *map(str, places.values()), server.url, "MEDMNIST_ROOT"
    ):
        archive.find(server.variant, folder=places["own"], download=False)
    assert server.requests == 0
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "content, kind",
    [
        (PAGE, "is a web page saved as .npz"),
        (OFFICIAL[:-100], "is not the official file"),
        (OFFICIAL[:500] + bytes([OFFICIAL[500] ^ 1]) + OFFICIAL[501:], "changed"),
    ],
    ids=["page", "truncated", "one byte changed"],
)
def test_find_refuses_a_wrong_file_even_where_a_right_one_is_next_in_order(
    places, server, tmp_path, content, kind
):
    path, _ = put(places["own"], content), put(places["root"])
    wanted, found = server.variant.file.md5, hashlib.md5(content).hexdigest()
    sizes = [f"{len(content)} bytes", f"{len(OFFICIAL)} bytes"]
    with refused(str(path), kind, found, wanted, *sizes, "Delete it", server.url):
        archive.find(server.variant, folder=places["own"])
    assert path.read_bytes() == content  # the user's file is the user's to delete
    assert files_in(tmp_path) == [NAME, NAME]
    assert server.requests == 0


# Download


def test_find_tries_again_when_the_server_was_busy(places, server, tmp_path):
    server.answers = [503, "whole"]
    assert archive.find(server.variant, retries=1).read_bytes() == OFFICIAL
    assert server.requests == 2
    assert files_in(tmp_path) == [NAME]


def test_find_gives_up_after_the_retries_asked_for(server, tmp_path):
    server.answers = [503, "half", "whole"]
    with refused("failed 2 times", "was cut"):
        archive.find(server.variant, retries=1)
    assert server.requests == 2
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "answer, reason",
    [
        (404, "the server answered 404"),
        (503, "the server answered 503"),
        ("half", "the connection failed or was cut"),
        ("page", "perhaps a login page"),
    ],
)
def test_find_says_why_a_download_failed_and_leaves_no_file(
    places, server, tmp_path, answer, reason
):
    server.answers = [answer]
    with refused(NAME, reason, f"Fetch {server.url}", str(places["root"])):
        archive.find(server.variant, retries=0)
    assert server.requests == 1
    assert files_in(tmp_path) == []


def test_find_says_how_to_bring_the_file_when_there_is_no_network(places, tmp_path):
    with socket.socket() as closed:  # bound, but nobody listens
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/{NAME}"
        with refused("ConnectionError", f"Fetch {url}", "on a machine with a network"):
            archive.find(variant_of(OFFICIAL, url=url), retries=0)
    assert files_in(tmp_path) == []


def test_find_serves_two_processes_that_download_at_the_same_time(
    places, server, tmp_path
):
    server.gate = threading.Barrier(2)
    command = [sys.executable, "-c", FIND, server.url, server.variant.file.md5]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    paths = [process.communicate(timeout=60)[0].decode().strip() for process in started]
    assert paths == [str(places["root"] / NAME)] * 2
    assert server.requests == 2
    assert files_in(tmp_path) == [NAME]
    assert (places["root"] / NAME).read_bytes() == OFFICIAL


# Permissions and disks


@contextlib.contextmanager
def ordinary_user():
    """For root, no permission binds: be nobody meanwhile."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder which everybody may read, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.mark.parametrize("locked", ["folder", "file"])
def test_find_says_that_a_folder_or_file_cannot_be_read(open_folder, server, locked):
    path = put(open_folder / "data")
    with ordinary_user():
        assert archive.find(server.variant, folder=path.parent) == path
    (path if locked == "file" else path.parent).chmod(0)
    with ordinary_user(), refused(str(path), "Permission denied", "Make it readable"):
        archive.find(server.variant, folder=path.parent)
    assert server.requests == 0


def test_find_says_that_the_root_cannot_be_written(open_folder, server, monkeypatch):
    monkeypatch.setenv("MEDMNIST_ROOT", str(open_folder))
    monkeypatch.setenv("HOME", str(open_folder))
    open_folder.chmod(0o555)
    with (
        ordinary_user(),
        refused("cannot be written to", "Permission denied", "or set"),
    ):
        archive.find(variant_of(OFFICIAL, url=server.url), retries=0)
    assert files_in(open_folder) == []


@pytest.mark.parametrize(
    "option, reason",
    [("size=16k", "No space left on device"), ("ro", "Read-only file system")],
)
def test_find_says_that_the_disk_is_full_or_read_only(places, server, option, reason):
    places["root"].mkdir()
    server.content = np.random.default_rng(0).bytes(2**16)  # more than the disk takes
    mount = ["mount", "-t", "tmpfs", "-o", option, "none", str(places["root"])]
    # In its own namespace the child alone sees the disk, and it ends with the child.
    enter = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if not shutil.which("unshare"):
        pytest.skip("no `unshare` here: cannot make a small disk")
    trial = subprocess.run([*enter, *mount], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"cannot mount a small disk here: {trial.stderr.strip()}")
    find = [sys.executable, "-c", FIND, server.url, server.variant.file.md5]
    both = f'{shlex.join(mount)} && {shlex.join(find)}; ls -A "$MEDMNIST_ROOT"'
    run = [*enter, "sh", "-c", both]
    result = subprocess.run(run, capture_output=True, text=True, timeout=60)
    for words in ("cannot be written to", reason, "Free space", "set MEDMNIST_ROOT"):
        assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""  # neither a path nor a file left on the disk


# Content


@pytest.mark.parametrize("name", ["breast", "retina", "chest"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_archive_gives_images_with_channels_and_labels_as_stored(places, name, order):
    arrays = official_arrays(name)
    stored = {key: np.asarray(value, order=order) for key, value in arrays.items()}
    opened = open_archive(places["own"], npz(stored), name)
    for split, count in COUNTS.items():
        images, labels = opened.images(split), opened.labels(split)
        assert images.dtype == labels.dtype == np.uint8
        assert images.shape == (count, 28, 28, catalog.DATASETS[name].channels)
        expected = arrays[f"{split}_images"].reshape(images.shape)
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(labels, arrays[f"{split}_labels"])


@pytest.mark.parametrize("block_bytes, rows", [(2000, [2, 2, 1]), (1, [1] * 5)])
def test_image_blocks_are_small_and_make_up_the_whole(
    places, monkeypatch, block_bytes, rows
):
    monkeypatch.setattr(archive, "_BLOCK_BYTES", block_bytes)
    arrays = official_arrays()
    blocks = list(open_archive(places["own"], npz(arrays)).image_blocks("train"))
    assert [len(block) for block in blocks] == rows
    whole = np.concatenate(blocks)[..., 0]
    np.testing.assert_array_equal(whole, arrays["train_images"])


def zeros(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    "name, array, value, words",
    [
        ("breast", "val_labels", None, ["has no array val_labels", "six arrays"]),
        ("breast", "test_images", zeros(3, 28, 27), ["(3, 28, 27)", "(3, 28, 28)"]),
        (
            "breast",
            "val_images",
            zeros(2, 28, 28, 3),
            ["(2, 28, 28, 3)", "(2, 28, 28)"],
        ),
        ("retina", "val_images", zeros(2, 28, 28), ["(2, 28, 28)", "(2, 28, 28, 3)"]),
        ("breast", "train_images", zeros(4, 28, 28), ["(4, 28, 28)", "(5, 28, 28)"]),
        ("breast", "train_labels", zeros(6, 1), ["(6, 1)", "integers (5, 1)"]),
        ("breast", "train_labels", zeros(5), ["(5,)", "integers (5, 1)"]),
        ("chest", "train_labels", zeros(5, 1), ["(5, 1)", "integers (5, 14)"]),
        ("breast", "val_images", zeros(2, 28, 28, dtype="f4"), ["float32", "uint8"]),
        ("breast", "val_labels", zeros(2, 1, dtype="f8"), ["float64", "integers"]),
        ("breast", "val_labels", [[0], [2]], ["[2] in row 1", "from 0 to 1"]),
        ("retina", "test_labels", [[4], [5], [6]], ["[5] in row 1", "from 0 to 4"]),
        ("breast", "val_labels", np.array([[-1], [0]], "i1"), ["[-1] in row 0"]),
        ("chest", "val_labels", [[0] * 14, [0] * 13 + [2]], ["2] in row 1", "0 to 1"]),
        ("chest", "val_labels", -np.ones((2, 14), "i1"), ["row 0", "from 0 to 1"]),
        ("breast", "val_images", PAGE, ["magic string", "a NumPy array"]),
        ("breast", "val_labels", b"", ["EOF", "a NumPy array"]),
        ("breast", "val_labels", npy(zeros(2, 1))[:-1], ["129 bytes", "130 bytes"]),
        ("breast", "val_images", npy(zeros(2, 28, 28))[:-784], ["912", "1696 bytes"]),
    ],
)
def test_archive_refuses_an_array_which_is_not_as_documented(
    places, tmp_path, name, array, value, words
):
    content = npz(official_arrays(name, **{array: value}))
    with refused(array, *words, "Delete the file", variant_of(b"").file.url):
        open_archive(places["own"], content, name)
    assert files_in(tmp_path) == [NAME]


class Trap:
    """Whose unpickling makes a file."""

    def __init__(self, path: pathlib.Path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("array", ["val_images", "val_labels"])
def test_archive_refuses_pickled_objects_without_unpickling_them(
    places, tmp_path, array
):
    arrays, sprung = official_arrays(), tmp_path / "sprung"
    arrays[array] = np.full(arrays[array].shape, None)
    arrays[array].flat[0] = Trap(sprung)
    content = npz(arrays)
    with refused(array, "pickled objects", "plain numbers", "Delete the file"):
        open_archive(places["own"], content)
    assert not sprung.exists()


@pytest.mark.parametrize("content", [b"no archive at all", OFFICIAL[:-100]])
def test_archive_refuses_what_is_no_whole_zip_though_its_md5_is_right(
    places, tmp_path, content
):
    words = ["is damaged", "not a zip file", "a whole .npz file", "Delete the file"]
    with refused(str(places["own"] / NAME), *words):
        open_archive(places["own"], content)
    assert files_in(tmp_path) == [NAME]


@pytest.mark.parametrize("array", ["train_labels", "train_images"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive_refuses_a_damaged_array_at_the_latest_when_it_is_read(
    places, tmp_path, array, compression
):
    content = bytearray(npz(official_arrays("retina"), compression))
    following = array.replace("train", "val").encode()
    content[content.index(following) - 31] ^= 255  # the last byte: 30 are a header
    with refused(str(places["own"] / NAME), "is damaged", "a whole .npz file"):
        open_archive(places["own"], bytes(content), "retina").images("train")
    assert files_in(tmp_path) == [NAME]


@pytest.mark.parametrize("name", ["breast", "retina"])
def test_archive_of_the_real_file_has_the_published_counts(name):
    variant = catalog.variant(name)
    there = [place for place in REAL_FOLDERS if (place / variant.file.name).is_file()]
    if not there:
        pytest.skip(f"no {variant.file.name} in MEDMNIST_ROOT or ~/.medmnist")
    opened = archive.Archive(variant, folder=there[0], download=False)
    with np.load(opened.path) as arrays:
        for split, examples in variant.release.splits.items():  # Table 1 of the paper
            images, labels = opened.images(split), opened.labels(split)
            assert len(images) == len(labels) == examples
            stored = arrays[f"{split}_images"]
            np.testing.assert_array_equal(images.reshape(stored.shape), stored)
            stored = arrays[f"{split}_labels"]
            classes = range(variant.dataset.num_labels)
            counts = [np.count_nonzero(labels == label) for label in classes]
            assert counts == [np.count_nonzero(stored == label) for label in classes]
            assert sum(counts) == examples and min(counts) > 0
