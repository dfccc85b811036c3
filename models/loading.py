"""A trained network, back from a file, a run's folder or the hub.

Never runs code of a file, and never takes one that was changed.
"""

import json
import os
import pathlib
import zipfile

import keras

from medmnist_tfds.data import catalog
from medmnist_tfds.models import hub
from medmnist_tfds.process import checks, checksums, errors, files

_MODEL = "model.keras"
_KNOWN = ("keras", "medmnist_tfds")


def load(source: str | os.PathLike) -> keras.Model:
    """The network of a run, from images (batch, h, w, channels) to logits.

    Args:
      source: a run's folder, or one that `medmnist-tfds push` has made: its checksums
        are verified, and the network compared with what config.json says; or a
        `.keras` file alone; or `hf://user/name`, `hf://user/name@revision`, which is
        brought into the hub's cache first.

    Returns:
      The model, not compiled. Layers of this package are known; those of others, and
      code in the file, are refused.

    Raises:
      MedMNISTError: nothing there, a changed or damaged file, code in it, a file of
        another Keras, another network than the folder tells of; what the hub refuses.
    """
    if not hub.is_source(source) and checks.path(source).is_file():
        return _read(checks.path(source))
    place = folder(source)
    if not (place / _MODEL).is_file():
        raise errors.MedMNISTError(
            f"{source} has no {_MODEL}. Expected a run's folder, or what "
            "`medmnist-tfds push` has made of one. Give that folder, or the .keras "
            "file itself."
        )
    checksums.verify(place, needed=_MODEL)
    model = _read(place / _MODEL)
    _check(model, place)
    return model


def folder(source: str | os.PathLike) -> pathlib.Path:
    """The local folder of a run: `source` itself, or where the hub's copy of it lies.

    Raises:
      MedMNISTError: there is no folder; what the hub refuses.
    """
    if hub.is_source(source):
        return hub.download(str(source))
    path = checks.path(source)
    if not path.is_dir():
        raise errors.MedMNISTError(
            f"There is no folder {path}. Expected that of a run, or hf://user/name. Is "
            "its name right?"
        )
    return path


def _read(path: pathlib.Path) -> keras.Model:
    config = _config(path)
    _check_classes(path, config)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except OSError as error:
        if error.errno:
            raise errors.MedMNISTError(errors.said_by_system(error)) from error
        raise _damaged(path, error) from error
    except Exception as error:  # of many kinds, by layer and by version
        if "safe_mode" in str(error) or "unsafe" in str(error):
            raise errors.MedMNISTError(
                f"{path} holds code, such as a Lambda layer, which is not run. "
                "Expected Keras' layers and ours alone. Save the network without it."
            ) from error
        raise _damaged(path, error) from error


def _config(path: pathlib.Path) -> dict:
    """The network's description in a `.keras` file of this Keras."""
    try:
        with zipfile.ZipFile(path) as members:
            metadata = json.loads(members.read("metadata.json"))
            config = json.loads(members.read("config.json"))
        version = metadata["keras_version"]
    except OSError as error:
        raise errors.MedMNISTError(errors.said_by_system(error)) from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as error:
        raise _damaged(path, error) from error
    if version.split(".")[0] != keras.__version__.split(".")[0]:
        raise errors.MedMNISTError(
            f"{path} was written by Keras {version}, and this is Keras "
            f"{keras.__version__}, which reads its own files only. Expected one Keras. "
            "Install the other, or take the weights over (`save_weights`)."
        )
    return config


def _check_classes(path: pathlib.Path, config) -> None:
    """Refuses classes of other packages: Keras would import those.

    Keras 2's safe mode does not.
    """
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            module = part.get("module")
            # So Keras names functions of its own, an activation.
            is_own = (module, part.get("class_name")) == ("builtins", "function")
            is_named = isinstance(module, str) and not is_own
            if is_named and module.split(".")[0] not in _KNOWN:
                raise errors.MedMNISTError(
                    f"{path} holds code: it asks for {module}. Expected classes of "
                    "Keras and of this package alone. Save the network without others."
                )
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _damaged(path: pathlib.Path, error: Exception) -> errors.MedMNISTError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
    return errors.MedMNISTError(
        f"{path} cannot be read as a .keras file ({reason}). Expected a whole one, of "
        "Keras' layers and ours. Copy or download it again."
    )


def _check(model: keras.Model, place: pathlib.Path) -> None:
    """Compares a network with what its folder's files say of the run."""
    run = files.read_json(place / "config.json").get("run")
    if run is None:
        return
    variant = catalog.parse(run["dataset"], phantom=run["phantom"])
    expected = [(None, *variant.image_shape), (None, variant.dataset.num_labels)]
    found = [model.input_shape, model.output_shape]
    network = files.read_json(place / "result.json").get("network", model.name)
    if list(map(list, found)) == list(map(list, expected)) and network == model.name:
        return
    raise errors.MedMNISTError(
        f"{place / _MODEL} is {model.name}, from {found[0][1:]} to {found[1][1:]}, but "
        f"its folder tells of {network} for {variant.tfds_name}. Expected from "
        f"{expected[0][1:]} to {expected[1][1:]}. It is the file of another run."
    )
