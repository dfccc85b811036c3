"""Official files: found where users keep them, or downloaded, and verified by MD5.

Never opens a file for its arrays: that is `archive.py`.
"""

import os
import pathlib

import pooch
import requests

from medmnist_tfds.data import catalog, progress, rebuilt
from medmnist_tfds.process import checks, errors

_SHOWN = 8  # names of what lies where a file was expected


def root() -> pathlib.Path:
    """`MEDMNIST_ROOT`, or the official package's own folder `~/.medmnist`."""
    return _path(os.environ.get("MEDMNIST_ROOT") or "~/.medmnist")


def is_here(variant: catalog.Variant) -> bool:
    """Whether the file lies where it is looked for; nothing is verified."""
    places = (root(), _path("~/.medmnist"))
    # Not Path.exists: it raises in a home that cannot be entered.
    return any(os.path.exists(place / variant.file.name) for place in places)


def find(
    variant: catalog.Variant,
    *,
    folder: str | os.PathLike | None = None,
    download: bool = True,
    retries: int = 3,
) -> pathlib.Path:
    """The verified official file of `variant`, downloaded where it is not there yet.

    Looked for in `folder`, then in `root()`, then in `~/.medmnist`; downloaded to
    `root()` under a temporary name and moved into place once its MD5 is right.

    Raises:
      MedMNISTError: there is no such file and it cannot be downloaded; or there is one
        that cannot be read or has another MD5.
    """
    path = look(variant, folder=folder)
    if path is not None:
        return path
    looked = ", ".join(map(str, _places(folder))) + _there_instead()
    if variant.rebuilt:
        raise errors.MedMNISTError(rebuilt.missing(variant, looked))
    if not download:
        raise errors.MedMNISTError(
            f"There is no {variant.file.name} in {looked}. {_bring(variant.file)}"
        )
    return _download(variant.file, looked, retries)


def look(
    variant: catalog.Variant, *, folder: str | os.PathLike | None = None
) -> pathlib.Path | None:
    """As `find`, but None where the file would have to be downloaded."""
    for place, is_asked_for in _places(folder).items():
        path = place / variant.file.name
        # A home that cannot be entered, as in some containers, is no one's mistake.
        if _is_readable(path, is_asked_for=is_asked_for):
            _verify(path, variant.file)
            return path
    return None


def _places(folder: str | os.PathLike | None) -> dict[pathlib.Path, bool]:
    """Where a file is looked for, in order, and whether the user asked for it."""
    asked_for = [root()] if folder is None else [_path(folder), root()]
    places = [*asked_for, _path("~/.medmnist")]
    return {place: place in asked_for for place in places}


def _there_instead() -> str:
    """What lies where MEDMNIST_ROOT says, or in the nearest folder that there is."""
    if not os.environ.get("MEDMNIST_ROOT"):
        return ""
    place = root().absolute()
    while not os.path.isdir(place):
        place = place.parent
    if place in (home := _path("~").absolute()).parents or place == home:
        return ""  # what lies in a home is nobody's business
    try:
        names = [name for name in sorted(os.listdir(place)) if name[0] != "."]
    except OSError:
        return ""
    names = names[:_SHOWN]
    return f" ({place} holds {', '.join(names) or 'nothing'})"


def _path(name: str | os.PathLike) -> pathlib.Path:
    # Not Path.expanduser: it raises where there is no home, as in some containers.
    return pathlib.Path(os.path.expanduser(checks.path(name)))


def _is_readable(path: pathlib.Path, *, is_asked_for: bool) -> bool:
    try:
        with path.open("rb"):
            return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if not is_asked_for:
            return False
        raise errors.MedMNISTError(
            f"{path} cannot be read ({error.strerror}). Expected the official "
            ".npz file. Make it readable, or set MEDMNIST_ROOT to another folder."
        ) from error


def _verify(path: pathlib.Path, file: catalog.File) -> None:
    if file.md5 is None:
        return
    md5 = pooch.file_hash(str(path), alg="md5")
    if md5 == file.md5:
        return
    with path.open("rb") as content:
        is_page = (
            content.read(256).lstrip().lower().startswith((b"<!doctype", b"<html"))
        )
    if other := _official(md5):
        raise errors.MedMNISTError(
            f"{path} is the official file of {other.tfds_name}, {other.file.name}. "
            f"Expected the one with MD5 {file.md5}. Give it its own name back, and run "
            f"again to download {file.url}"
        )
    kind = "is a web page saved as .npz" if is_page else "is not the official file"
    raise errors.MedMNISTError(
        f"{path} {kind}: it has {path.stat().st_size} bytes and MD5 {md5}, "
        f"expected {file.bytes or 'the official'} bytes and MD5 {file.md5}. It may be "
        "cut off, changed, or of another release. Delete it and run again to download "
        f"{file.url}"
    )


def _official(md5: str) -> catalog.Variant | None:
    """Whose official file has that MD5, if any: perhaps of another name here."""
    for dataset in catalog.DATASETS.values():
        for release in dataset.releases.values():
            for size, file in release.files.items():
                if file.md5 == md5:
                    return catalog.Variant(dataset=dataset, release=release, size=size)
    return None


def _download(file: catalog.File, looked: str, retries: int) -> pathlib.Path:
    source = pooch.create(
        path=root(),
        base_url="",
        registry={file.name: f"md5:{file.md5}"},
        urls={file.name: file.url},
        retry_if_failed=retries,
    )
    if not progress.is_watched():  # by a bar; who reads a log wants to know, too
        progress.say(f"Downloading {file.url} to {root()}")
    try:
        with progress.without_poochs_lines():
            path = source.fetch(file.name, downloader=progress.fetch)
        os.chmod(path, 0o644)  # pooch leaves 0600, no use in a folder that teams share
    except requests.exceptions.HTTPError as error:
        reason = f"the server answered {error.response.status_code}"
    except requests.exceptions.RequestException as error:
        reason = f"the connection failed or was cut ({type(error).__name__})"
    except ValueError:  # pooch's word for a wrong hash
        reason = f"what came is not the file with MD5 {file.md5} (perhaps a login page)"
    except OSError as error:
        raise errors.MedMNISTError(
            f"{file.name} is not in {looked}, and as a download it cannot be written "
            f"to {root()}. {errors.said_by_system(error)} Or set MEDMNIST_ROOT to the "
            "folder where it lies, or to one with room that you may write."
        ) from error
    else:
        return pathlib.Path(path)
    raise errors.MedMNISTError(
        f"{file.name} is not in {looked}, and its download from {file.url} failed "
        f"{retries + 1} times: {reason}. {_bring(file)}"
    )


def _bring(file: catalog.File) -> str:
    return (
        f"Fetch {file.url} on a machine with a network and put it into {root()}, or "
        "set MEDMNIST_ROOT to the folder where it lies."
    )
