"""An environment as Colab's image has it, from its frozen list of packages.

`python notebooks/colab_image.py .venv-colab cpu` makes it, or puts it back to what the
list says: whatever a notebook has installed there goes. Never takes a version that the
list does not name.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

LISTS = pathlib.Path(__file__).parent / "colab"
MOVED = "tensorflow-metadata"  # the one package that our own moves
_EXPECTED = "Expected it for an environment like Colab's."


def pins(image: str) -> dict[str, str]:
    """What the image holds: `name==version` by normalized name."""
    lines = (LISTS / f"{image}.txt").read_text().split()
    return {normalized(line.split("==")[0]): line for line in lines}


def normalized(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def installable(image: str) -> list[str]:
    """The pins of the packages that our copy of the image holds."""
    lines = (LISTS / "left_out.txt").read_text().splitlines()
    missing = {normalized(line) for line in lines if not line.startswith("#")}
    every = pins(image).items()
    return [pin for name, pin in every if not {name, normalized(pin)} & missing]


def constraints(image: str, wheel: pathlib.Path | None = None) -> list[str]:
    """What `pip install medmnist-tfds` is held to: the image, and our wheel."""
    ours = [f"medmnist-tfds @ {wheel.resolve().as_uri()}"] if wheel else []
    return [pin for name, pin in pins(image).items() if name != MOVED] + ours


def uv() -> list[str]:
    """The command of uv, the only installer that puts back 600 packages in seconds."""
    beside = pathlib.Path(sys.executable).with_name("uv")
    path = str(beside) if beside.exists() else shutil.which("uv")
    if not path:
        sys.exit(f"There is no uv. {_EXPECTED} Run `pip install uv`.")
    return [path]


def restore(folder: pathlib.Path, image: str, *, python: str = "python3.13") -> None:
    """Makes the environment if it is not there, and installs and removes as listed."""
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    if not (folder / "bin/python").exists():
        make = [*uv(), "venv", "--quiet", "--python", python, str(folder)]
        subprocess.run(make, check=True, env=environment)
    wanted = folder / "image.txt"
    wanted.write_text("\n".join(installable(image)) + "\n")
    sync = [*uv(), "pip", "sync", "--quiet", "--python", str(folder / "bin/python")]
    subprocess.run([*sync, str(wanted)], check=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("image", choices=("cpu", "tpu"))
    parser.add_argument("--python", default="python3.13")
    options = parser.parse_args()
    restore(options.folder, options.image, python=options.python)


if __name__ == "__main__":
    main()
