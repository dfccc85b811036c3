"""Executes notebooks as on Colab, small: each in a fresh copy of Colab's image.

`python notebooks/execute.py` executes all and writes their output into the repository,
`... quickstart --into FOLDER` one of them, into that folder. The installation cell is
executed, too, and finds a wheel of this working tree. Never keeps what is of this
machine or of this minute alone: what pip said, times of execution, widgets.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import colab_image

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = "https://github.com/medmnist-tfds/medmnist-tfds"
_PUBLIC = REPOSITORY.removeprefix("https://github.com/") + "/blob/main/notebooks"
BADGE = (
    "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
    f"(https://colab.research.google.com/github/{_PUBLIC}/{{name}}.ipynb)"
)
FOLDERS = {"cpu": HERE.parent / ".venv-colab", "tpu": HERE.parent / ".venv-colab-tpu"}
_SECONDS = 600  # per cell
_OURS = "medmnist_tfds"  # in a notebook's metadata: of which sources its output came


def image(name: str) -> str:
    """Which of Colab's images a notebook is for."""
    return "tpu" if name == "tpu" else "cpu"


def names() -> list[str]:
    """Of all notebooks."""
    return sorted(path.stem for path in HERE.glob("*.ipynb"))


def read(path: pathlib.Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: dict) -> str:
    """Which the file holds as lines, or whole."""
    return "".join(cell["source"])


def digest(notebook: dict) -> str:
    """Of all that is written in the cells, but not of what came out."""
    written = [[cell["cell_type"], source(cell)] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(written).encode()).hexdigest()


def recorded(notebook: dict) -> str | None:
    """The digest of the sources that the output came from."""
    return notebook["metadata"].get(_OURS, {}).get("sources")


def build_wheel(folder: pathlib.Path) -> pathlib.Path:
    """Of a copy, so that nothing old of the working tree's `build` gets into it."""
    unwanted = shutil.ignore_patterns(
        ".*", "build", "dist", "*.egg-info", "runs", "__pycache__"
    )
    shutil.copytree(HERE.parent, folder / "source", ignore=unwanted)
    build = [*colab_image.uv(), "build", "--quiet", "--wheel", "--out-dir", folder]
    subprocess.run([*build, folder / "source"], check=True)
    (path,) = folder.glob("*.whl")
    return path


def variables(kind: str, work: pathlib.Path, wheel: pathlib.Path) -> dict[str, str]:
    """Of a process on that image: a machine without data, that pip may move by pins."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("KERAS_BACKEND", "PYTHONPATH", "VIRTUAL_ENV", "MPLBACKEND")
    }
    pins = work / "constraints.txt"
    pins.write_text("\n".join(colab_image.constraints(kind, wheel)) + "\n")
    for_tpu = {"JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1"}
    return {
        **kept,
        **(for_tpu if kind == "tpu" else {}),
        "MEDMNIST_NOTEBOOK": "small",
        "MEDMNIST_ROOT": str(work / ".medmnist"),
        "TFDS_DATA_DIR": str(work / "tensorflow_datasets"),
        "IPYTHONDIR": str(work / ".ipython"),
        "PATH": f"{FOLDERS[kind] / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_CONSTRAINT": str(pins),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def execute(name: str, wheel: pathlib.Path) -> dict:
    """The notebook with its output, normalized."""
    with tempfile.TemporaryDirectory(prefix="notebook-") as folder:
        work = pathlib.Path(folder).resolve()
        place = work / "here"
        place.mkdir()
        before = read(HERE / f"{name}.ipynb")
        copy = place / f"{name}.ipynb"
        shutil.copy(HERE / copy.name, copy)
        program = FOLDERS[image(name)] / "bin/jupyter-execute"
        command = [program, "--inplace", f"--timeout={_SECONDS}", copy]
        done = subprocess.run(
            command,
            cwd=place,
            env=variables(image(name), work, wheel),
            capture_output=True,
        )
        if done.returncode:
            sys.exit(f"{name}.ipynb failed.\n{done.stderr.decode()}")
        copy.write_text(copy.read_text().replace(str(work), "~"))  # its home
        after = normalized(read(copy), before)
    _refuse_paths(name, after, [HERE.parent, pathlib.Path.home()])
    return after


def normalized(notebook: dict, before: dict) -> dict:
    """Without what every run writes otherwise; says of which sources it came."""
    ours = {_OURS: {"sources": digest(before)}}
    notebook["metadata"] = before["metadata"] | ours
    for cell, written in zip(notebook["cells"], before["cells"], strict=True):
        cell["metadata"] = written["metadata"]
        if "\n%pip" in f"\n{source(cell)}":
            cell["outputs"] = []
        elif "outputs" in cell:
            cell["outputs"] = _joined(cell["outputs"])
    return notebook


def _joined(outputs: list[dict]) -> list[dict]:
    """Lines of one stream as one output: how they were cut is chance."""
    joined = []
    for output in outputs:
        if "text" in output:  # of a command, by a terminal
            output["text"] = [line.replace("\r\n", "\n") for line in output["text"]]
        last = joined[-1] if joined else {}
        if output.get("name") and output["name"] == last.get("name"):
            last["text"] = [*last["text"], *output["text"]]
        else:
            joined.append(output)
    for output in joined:
        if output.get("name") == "stderr":
            output["text"] = _as_it_ends("".join(output["text"]))
    return [output for output in joined if output.get("text") != []]


def _as_it_ends(text: str) -> list[str]:
    """The lines that stay, where a bar of ours has come and gone after a second."""
    lines = (line.rpartition("\r")[-1] for line in text.split("\n"))
    return "\n".join(lines).splitlines(keepends=True)


def _refuse_paths(name: str, notebook: dict, paths: list[pathlib.Path]) -> None:
    outputs = json.dumps([cell.get("outputs") for cell in notebook["cells"]], indent=1)
    for line in outputs.splitlines():
        if any(str(path) in line for path in paths):
            sys.exit(
                f"{name}.ipynb shows a path of this machine:\n{line.strip()[:500]}\n"
                "Expected relative paths, so that its output is the same everywhere."
            )


def write(path: pathlib.Path, notebook: dict) -> None:
    """Whole or not at all, in the form in which Jupyter writes."""
    temporary = path.with_name(f".{path.name}.tmp")
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=names(), metavar="NAME")
    parser.add_argument("--into", type=pathlib.Path, default=HERE, metavar="FOLDER")
    parser.add_argument("--python", default="python3.13", help="for new environments")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names()):
        parser.error(
            f"no notebook {', '.join(unknown)}: there are {', '.join(names())}"
        )
    options.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wheel-") as folder:
        wheel = build_wheel(pathlib.Path(folder))
        for name in options.names:
            started = time.monotonic()
            kind = image(name)
            colab_image.restore(FOLDERS[kind], kind, python=options.python)
            write(options.into / f"{name}.ipynb", execute(name, wheel))
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
