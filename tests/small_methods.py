"""Methods of a few lines, each in a folder of its own, and a Decathlon of them."""

import io
import json
import pathlib
import textwrap

from rich import console as rich_console

from medmnist_tfds.data import catalog
from medmnist_tfds.decathlon import method as methods

START = """
import json, os, pathlib, sys, time
import numpy as np
folder = pathlib.Path(sys.argv[1])
task = json.loads((folder / "task.json").read_text())
data = np.load(folder / "data.npz")
def leave(change=lambda split, scores: scores):
    rng = np.random.default_rng(task["seed"])
    for split in ("train", "val", "test"):
        examples = len(data[f"{split}_images"])
        scores = rng.random((examples, task["num_labels"]))
        np.save(folder / f"{split}.npy", change(split, scores))
"""

PROGRAMS = {
    "good": "leave()",
    "crash": "print('about to fail', flush=True); raise RuntimeError('no such luck')",
    "hang": "time.sleep(600)",
    "nan": "leave(lambda split, scores: scores * (np.nan if split == 'val' else 1))",
    "short": "leave(lambda split, scores: scores[1:] if split == 'test' else scores)",
    "silent": "pass",
    "zipped": "[np.savez(open(folder / f'{s}.npy', 'wb'), a=1) for s in"
    " ('train', 'val', 'test')]",
    # 1 GiB in a child
    "hungry": "kept = os.fork() == 0 and np.ones(2**27); time.sleep(600)",
    # 256 MiB, in three children, too
    "forking": """
        leave()
        kept = np.ones(2**25)
        children = [os.fork() for _ in range(2)]
        time.sleep(1)
        os._exit(0)
    """,
    "stopper": "os.kill(os.getppid(), 19); leave()",
    # Ends whoever watches it, and goes on
    "parricide": """
        (folder.parents[3] / "parricide.txt").write_text(str(os.getpid()))
        os.kill(os.getppid(), 9)
        time.sleep(60)
    """,
    "daemon": """
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                (folder.parents[3] / "daemon.txt").write_text(str(os.getpid()))
                time.sleep(300)
            os._exit(0)
        while not (folder.parents[3] / "daemon.txt").exists():
            time.sleep(0.05)
        leave()
    """,
    "pipe": "os.mkfifo(folder / 'train.npy')",
    "linked": """
        leave()
        (folder / "test.npy").rename(folder.parents[3] / "elsewhere.npy")
        (folder / "test.npy").symlink_to(folder.parents[3] / "elsewhere.npy")
    """,
    "vanished": "import shutil; shutil.rmtree(folder)",
    "moved": """
        leave()
        folder.rename(folder.parents[3] / "away")
        folder.symlink_to(folder.parents[3] / "away")
    """,
    "blocked": """
        leave()
        (folder / "deep/deeper").mkdir(parents=True)
        (folder / "deep").chmod(0)
        folder.chmod(0)
    """,
    "spoiler": """
        leave()
        (folder / "data.npz").chmod(0o600)
        with open(folder / "data.npz", "wb") as file:
            file.write(b"spoilt")
    """,
    "chatty": """
        print("the first line")
        for _ in range(160):
            sys.stdout.write("words words words\\n" * 2**15)
        sys.stdout.flush()
        os.write(1, b"\\x1b[2J\\xff\\xe9 the last line\\n")
        sys.exit(3)
    """,
    "mute": "sys.exit(69)",
    "complex": "leave(lambda split, scores: scores + 1j)",
    "pickled": "leave(lambda split, scores: scores.astype(object))",
    # Leaves a result of its own, and interrupts the Decathlon at its first start.
    "forger": """
        content = json.loads((folder.parents[3] / "forged.json").read_text())
        (folder / "result.json").write_text(json.dumps(content))
        if not (folder.parents[3] / "again").exists():
            (folder.parents[3] / "again").touch()
            os.kill(int((folder.parents[3] / "pid").read_text()), 2)
            time.sleep(60)
        leave()
    """,
    # Waits for the other one, and tells what it has and what it was told.
    "sharing": """
        (folder.parents[3] / f"{folder.parent.name}.here").touch()
        while len(list(folder.parents[3].glob("*.here"))) < 2:
            time.sleep(0.05)
        told = {key: task[key] for key in ("cores", "gpus", "memory_gib")}
        has = {"affinity": sorted(os.sched_getaffinity(0)), "variables": {**os.environ}}
        (folder / "shared.json").write_text(json.dumps(told | has))
        leave()
    """,
    "lacking": "print('no licence key; run: get-key'); sys.exit(69)",
    # Counts its starts beside the Decathlon, and waits until it is let go.
    "patient": """
        root = folder.parents[2]
        with open(root.parent / "starts.txt", "a") as file:
            file.write(f"{folder.parent.name} {os.getpid()}\\n")
        while not (root.parent / "go").exists():
            time.sleep(0.05)
        leave()
    """,
}


def make(place: pathlib.Path, *names: str) -> list[str]:
    """Writes the methods of those names; returns their folders."""
    folders = []
    for name in names:
        folder = place / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "method.toml").write_text(f'display_name = "The {name} one"\n')
        program = START + textwrap.dedent(PROGRAMS[name])
        (folder / "run.py").write_text(program)
        folders.append(str(folder))
    return folders


def plan(data_dir, folders, *, dataset="breast", **options):
    from medmnist_tfds.decathlon import run as decathlon

    options = {"budget": "smoke"} | options
    return decathlon.Plan(
        methods=tuple(map(methods.find, folders)),
        variants=(catalog.variant(dataset, phantom=True),),
        data_dir=data_dir,
        **options,
    )


def run(plan, root) -> tuple[dict, str]:
    from medmnist_tfds.decathlon import run as decathlon

    output = io.StringIO()
    states = decathlon.run(plan, root, console=rich_console.Console(file=output))
    return states, output.getvalue()


def result(root, name: str) -> dict:
    return json.loads((root / "cells" / name / "result.json").read_text())
