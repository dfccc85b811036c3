"""The picture of a run: loss and validation scores over the epochs.

Never computes a score; it draws what `history.csv` says.
"""

import pathlib

from matplotlib import figure, ticker

from medmnist_tfds.process import files
from medmnist_tfds.train import callbacks


def draw(history: pathlib.Path, path: pathlib.Path, *, title: str, best_epoch: int):
    """Draws the columns of `history` into the PNG `path`."""
    rows = callbacks.read_history(history)
    epochs = [int(row["epoch"]) for row in rows]
    picture = figure.Figure(figsize=(9, 3.6), layout="constrained")
    picture.suptitle(title)
    left, right = picture.subplots(1, 2)
    left.plot(
        epochs, [float(row["loss"]) for row in rows], marker=".", color="tab:gray"
    )
    left.set(xlabel="epoch", ylabel="training loss")
    for column, name, color in (
        ("val_auc", "validation AUC", "tab:blue"),
        ("val_acc", "validation ACC", "tab:orange"),
        ("val_kappa", "validation kappa", "tab:purple"),  # of an ordinal task
    ):
        if column not in rows[0]:
            continue
        right.plot(
            epochs,
            [float(r[column]) for r in rows],
            marker=".",
            color=color,
            label=name,
        )
    right.axvline(best_epoch, color="tab:green", linestyle=":", label="kept epoch")
    right.set(xlabel="epoch", ylabel="score", ylim=(None, 1.01))
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    with files.replacing(path) as temporary:
        picture.savefig(temporary, dpi=120)
