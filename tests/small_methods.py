"""Methods of a few lines for tests of the Decathlon, each in a folder of its own."""

import pathlib
import textwrap

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
    "hungry": "kept = np.ones(2**27); time.sleep(600)",  # 1 GiB
    "orphan": """
        import subprocess
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        (folder.parents[3] / "orphan.txt").write_text(str(child.pid))
        time.sleep(1)
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
