"""The official file: found or downloaded and verified, or refused with a way out.

Each failure really happens: real servers, real disks, real processes.
"""

import contextlib
import hashlib
import os
import pathlib
import subprocess
import tempfile
import threading

import disks
import official_form
import pytest

from medmnist_tfds.data import finding

# Search


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_find_takes_the_explicit_folder_then_root_then_home_without_a_request(
    places, server, absent
):
    paths = [official_form.put(place) for place in list(places.values())[absent:]]
    assert finding.find(server.variant, folder=places["own"]) == paths[0]
    assert not server.requests


@pytest.mark.parametrize("is_set, chosen", [(True, "root"), (False, "home")])
def test_find_downloads_to_medmnist_root_or_else_to_the_home(
    places, server, monkeypatch, is_set, chosen
):
    if not is_set:
        monkeypatch.delenv("MEDMNIST_ROOT")
    path = finding.find(server.variant, folder=places["own"], retries=0)
    assert path == places[chosen] / official_form.NAME
    assert path.read_bytes() == official_form.OFFICIAL
    assert official_form.files_in(places) == [official_form.NAME]
    assert finding.find(server.variant, folder=places["own"]) == path
    assert len(server.requests) == 1


def test_find_without_download_names_all_folders_and_sends_no_request(places, server):
    (places["root"] / "medmnist-files").mkdir(parents=True)
    words = [*map(str, places.values()), server.url, "set MEDMNIST_ROOT"]
    words += [f"{places['root']} holds medmnist-files"]
    with official_form.refused("There is no", *words):
        finding.find(server.variant, folder=places["own"], download=False)
    assert not server.requests
    assert not official_form.files_in(places)


def test_a_root_that_is_not_there_is_said_with_what_is_near(
    places, server, monkeypatch
):
    (places["root"] / "other-data").mkdir(parents=True)
    monkeypatch.setenv("MEDMNIST_ROOT", str(places["root"] / "medmnist/files"))
    with official_form.refused(f"{places['root']} holds other-data"):
        finding.find(server.variant, download=False)


@pytest.mark.parametrize(
    "content, kind",
    [
        (official_form.PAGE, "is a web page saved as .npz"),
        (official_form.OFFICIAL[:-100], "is not the official file"),
        (official_form.OFFICIAL.replace(b"PK", b"pK", 1), "changed"),
    ],
    ids=["web page", "truncated", "one byte changed"],
)
def test_find_refuses_a_wrong_file_even_where_a_right_one_is_next_in_order(
    places, server, content, kind
):
    path, _ = (
        official_form.put(places["own"], content),
        official_form.put(places["root"]),
    )
    wanted, found = server.variant.file.md5, hashlib.md5(content).hexdigest()
    sizes = [f"{len(content)} bytes", f"{len(official_form.OFFICIAL)} bytes"]
    with official_form.refused(
        str(path), kind, found, wanted, *sizes, "Delete it", server.url
    ):
        finding.find(server.variant, folder=places["own"])
    assert path.read_bytes() == content  # the user's file is the user's to delete
    assert official_form.files_in(places) == [official_form.NAME, official_form.NAME]
    assert not server.requests


# Download


def test_find_tries_again_when_the_server_was_busy(places, server):
    server.answers = [503, "whole"]
    assert (
        finding.find(server.variant, retries=1).read_bytes() == official_form.OFFICIAL
    )
    assert len(server.requests) == 2
    assert official_form.files_in(places) == [official_form.NAME]


def test_find_gives_up_after_the_retries_asked_for(places, server):
    server.answers = [503, "half", "whole"]
    with official_form.refused("failed 2 times", "was cut"):
        finding.find(server.variant, retries=1)
    assert len(server.requests) == 2
    assert not official_form.files_in(places)


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
    places, server, answer, reason
):
    server.answers = [answer]
    with official_form.refused(
        official_form.NAME, reason, f"Fetch {server.url}", str(places["root"])
    ):
        finding.find(server.variant, retries=0)
    assert len(server.requests) == 1
    assert not official_form.files_in(places)


def test_find_says_how_to_bring_the_file_when_there_is_no_network(places):
    with official_form.Server() as closed:
        url = closed.url
    with official_form.refused(
        "ConnectionError", f"Fetch {url}", "on a machine with a network"
    ):
        finding.find(closed.variant, retries=0)
    assert not official_form.files_in(places)


def test_find_serves_two_processes_that_download_at_the_same_time(places, server):
    server.gate = threading.Barrier(2)
    command = official_form.find_command(server)
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    paths = [process.communicate(timeout=60)[0].decode().strip() for process in started]
    assert paths == [str(places["root"] / official_form.NAME)] * 2
    assert len(server.requests) == 2
    assert official_form.files_in(places) == [official_form.NAME]
    assert (places["root"] / official_form.NAME).read_bytes() == official_form.OFFICIAL


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
    path = official_form.put(open_folder / "data")
    with ordinary_user():
        assert finding.find(server.variant, folder=path.parent) == path
    (path if locked == "file" else path.parent).chmod(0)
    with (
        ordinary_user(),
        official_form.refused(str(path), "Permission denied", "Make it readable"),
    ):
        finding.find(server.variant, folder=path.parent)
    assert not server.requests


def test_find_says_that_the_root_cannot_be_written(open_folder, server, monkeypatch):
    monkeypatch.setenv("MEDMNIST_ROOT", str(open_folder))
    monkeypatch.setenv("HOME", str(open_folder))
    open_folder.chmod(0o555)
    words = ["is not in", "cannot be written to", "Permission denied"]
    words += ["folder where it lies", "that you may write"]
    with ordinary_user(), official_form.refused(*words):
        finding.find(server.variant, retries=0)
    assert not list(open_folder.iterdir())


def test_a_home_that_cannot_be_entered_stops_nobody(open_folder, server, monkeypatch):
    home, root = open_folder / "home", open_folder / "root"
    home.mkdir(mode=0)
    root.mkdir()
    root.chmod(0o777)
    monkeypatch.setenv("MEDMNIST_ROOT", str(root))
    monkeypatch.setenv("HOME", str(home))
    with ordinary_user():
        assert not finding.is_here(server.variant)
        path = finding.find(server.variant, retries=0)
    assert path == root / official_form.NAME
    assert path.stat().st_mode & 0o777 == 0o644  # others of the team may read it


@pytest.mark.parametrize(
    "option, reason, advice",
    [
        ("size=16k", "No space left on device", "Free space"),
        ("ro", "Read-only file system", "choose another folder"),
    ],
)
def test_find_says_that_the_disk_is_full_or_read_only(
    places, server, option, reason, advice
):
    places["root"].mkdir()
    server.content = bytes(2**16)  # more than the disk takes
    find = official_form.find_command(server)
    result = disks.run(find, folder=places["root"], option=option)
    for words in ("cannot be written to", reason, advice, "set MEDMNIST_ROOT"):
        assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""  # neither a path nor a file left on the disk
