"""The folders that official files are looked for in, and a server that has them."""

import pathlib
import threading

import official_form
import pytest


@pytest.fixture
def server():
    with official_form.Server() as running:
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


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """The official evaluator; its import makes `~/.medmnist`, so in another home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        reason = "the official medmnist package is not installed"
        return pytest.importorskip("medmnist.evaluator", reason=reason)
