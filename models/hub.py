"""Folders on the Hugging Face hub: brought here, and put there.

Never prints a token, and never lets an error of the library through as it is.
"""

import os
import pathlib
import re

from medmnist_tfds.process import errors

SCHEME = "hf://"
_SOURCE = re.compile(r"hf://([^/@\s]+/[^/@\s]+)(?:@(\S+))?")
_LOG_IN = "Log in (`hf auth login`), or set HF_TOKEN to a token"


def is_source(source: str | os.PathLike) -> bool:
    """Whether it names a place on the hub, and no local one."""
    return str(source).startswith(SCHEME)


def parse(source: str) -> tuple[str, str | None]:
    """(user/name, revision or None) of `hf://user/name[@revision]`.

    Raises:
      MedMNISTError: it is of another form.
    """
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise errors.MedMNISTError(
            f"{source!r} names no repository of the hub. Expected hf://user/name, or "
            "hf://user/name@revision to load. Write it so."
        )
    return match[1], match[2]


def download(source: str) -> pathlib.Path:
    """The folder of a repository, in the hub's cache; only what is new is brought.

    Raises:
      MedMNISTError: no such repository or revision, no right to it, no network.
    """
    import huggingface_hub  # here: half a second

    name, revision = parse(source)
    try:
        folder = huggingface_hub.snapshot_download(name, revision=revision)
    except Exception as error:
        raise _said(error, source, writing=False) from error
    return pathlib.Path(folder)


def upload(folder: pathlib.Path, target: str, *, private: bool = False) -> None:
    """Puts all files of a folder into a repository, in one commit.

    Makes the repository where it is not there; one that is there stays as visible as it
    is. Prediction files of the last upload that are not in the folder are removed.

    Args:
      folder: with nothing else in it.
      target: `hf://user/name`.
      private: whether a new repository is seen by its owner alone.

    Raises:
      MedMNISTError: a name that the hub does not take, no token or no right, no
        network.
    """
    import huggingface_hub

    name, revision = parse(target)
    if revision:
        raise errors.MedMNISTError(
            f"{target} names a revision. Expected hf://user/name: what is pushed "
            "becomes the newest one. Leave it out."
        )
    hub = huggingface_hub.HfApi(library_name="medmnist-tfds")
    try:
        hub.create_repo(name, private=private or None, exist_ok=True)
        hub.upload_folder(
            repo_id=name,
            folder_path=folder,
            commit_message="Push a run of medmnist-tfds",
            delete_patterns=["*@*.csv", "model.tflite", "kind.npz"],
        )
    except Exception as error:
        raise _said(error, target, writing=True) from error


def _status(error: BaseException | None) -> int | None:
    """With which the hub answered, if it did; the library may have wrapped that."""
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:  # an answer that refuses may be false
            return response.status_code
        error = error.__cause__ or error.__context__
    return None


def _said(error: Exception, place: str, *, writing: bool) -> errors.MedMNISTError:
    """One sentence of what the library tells in many; of its text nothing is kept."""
    from huggingface_hub import errors as hub

    status = _status(error)
    right = "write there" if writing else "read it"
    if isinstance(error, hub.HFValidationError):
        return errors.MedMNISTError(
            f"The hub does not take the name {place}. Expected hf://user/name of "
            "letters, digits, `-`, `_` and `.`. Choose another."
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return errors.MedMNISTError(
            f"There is no such revision: {place}. Expected a branch, tag or commit of "
            "the repository. Leave it out for the newest."
        )
    if status == 401 or isinstance(error, hub.LocalTokenNotFoundError):
        return errors.MedMNISTError(
            f"The hub does not know who asks for {place}, or there is no such "
            f"repository. Expected a name that is there, and a token that may {right}. "
            f"{_LOG_IN} that may."
        )
    if status == 403 or isinstance(error, hub.GatedRepoError):
        return errors.MedMNISTError(
            f"The hub refuses {place} to this token. Expected one that may {right}. "
            f"{_LOG_IN} that may."
        )
    if isinstance(error, hub.RepositoryNotFoundError):
        return errors.MedMNISTError(
            f"There is no repository {place}, or it is private. Expected one that this "
            "token may read. Is its name right?"
        )
    if status is not None:
        return errors.MedMNISTError(
            f"The hub answered {place} with status {status}. Expected it to take the "
            "request. Try again later."
        )
    if isinstance(error, OSError) and (error.filename or error.errno):
        return errors.MedMNISTError(errors.said_by_system(error))
    return errors.MedMNISTError(
        f"The hub could not be reached for {place} ({type(error).__name__}). Expected "
        "a network. Check it, and HF_ENDPOINT and HF_HUB_OFFLINE if they are set."
    )
