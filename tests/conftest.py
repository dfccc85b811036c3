"""What tests share: prepared phantom data, and the user's official files if any."""

import os
import pathlib
import threading

import pytest

# Read before any test changes the environment.
_PLACES = [os.environ.get("MEDMNIST_ROOT"), "~/.medmnist"]

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def official_root() -> pathlib.Path:
    """The folder with the official breast and retina files; skips where none is."""
    for place in filter(None, _PLACES):
        folder = pathlib.Path(place).expanduser()
        if all((folder / f"{n}mnist.npz").exists() for n in ("breast", "retina")):
            return folder
    pytest.skip("no official breastmnist.npz and retinamnist.npz in MEDMNIST_ROOT")


@pytest.fixture(scope="session")
def breast_sources() -> pathlib.Path:
    """Fifty real images of the archive of BreastMNIST, beside the official files."""
    for place in filter(None, _PLACES):
        folder = pathlib.Path(place).expanduser() / "breast_sources"
        if folder.is_dir():
            return folder
    pytest.skip("no breast_sources in MEDMNIST_ROOT: images of the BUSI archive")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> pathlib.Path:
    """A folder for TFDS's prepared data, kept for the whole session."""
    place = tmp_path_factory.getbasetemp()
    # Processes of pytest-xdist have folders of their own in one that they share.
    place = place.parent if "PYTEST_XDIST_WORKER" in os.environ else place
    (place / "tfds").mkdir(exist_ok=True)
    return place / "tfds"


@pytest.fixture(scope="session")
def phantom(data_dir):
    """A function from a dataset's name to its prepared phantom builder."""
    import tensorflow_datasets as tfds

    import medmnist_tfds  # noqa: F401

    def prepared(name: str):
        builder = tfds.builder(f"medmnist_phantom/{name}", data_dir=data_dir)
        builder.download_and_prepare()
        return builder

    return prepared


@pytest.fixture
def server():
    import official_form

    with official_form.Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
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


@pytest.fixture
def command(monkeypatch):
    """A function from a command line to its exit code and what it says."""
    from typer import testing

    from medmnist_tfds.commands import cli
    from medmnist_tfds.process import errors

    monkeypatch.setenv("COLUMNS", "80")

    def command(*words) -> tuple[int, str]:
        done = testing.CliRunner().invoke(cli.app, list(map(str, words)))
        if isinstance(done.exception, errors.MedMNISTError):
            return 1, str(done.exception)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return command


@pytest.fixture(scope="session")
def run_folder(data_dir, tmp_path_factory) -> pathlib.Path:
    """A finished run on the phantom of breast, by a network that takes no time."""
    import small_runs

    from medmnist_tfds import models

    folder = tmp_path_factory.mktemp("run") / "breast"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(models.NETWORKS, "resnet18", small_runs.small)
        small_runs.run(folder, data_dir, epochs=2, batch_size=64, learning_rate=0.05)
    return folder
