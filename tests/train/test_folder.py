"""A run's folder: the results of an unfinished run make way, its state does not."""

from medmnist_tfds.process import files
from medmnist_tfds.train import folder

CONFIG = {"phantom": False, "seed": 0, "recipe": {"epochs": 2}}
STALE = ["breastmnist_test_[AUC]0.500_[ACC]0.500@x.csv", "curves.png"]
KEPT = ["history.csv", "state.npz"]


def unfinished(path, *, interrupted: bool):
    folder.claim(path, CONFIG)
    files.write_json(path / "result.json", {"interrupted": interrupted})
    for name in STALE + KEPT:
        (path / name).touch()


def test_an_interrupted_run_goes_on_without_its_old_results(tmp_path):
    unfinished(tmp_path, interrupted=True)
    result = folder.claim(tmp_path, CONFIG)
    assert result is None
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"config.json", *KEPT}


def test_a_finished_run_is_left_as_it_is(tmp_path):
    unfinished(tmp_path, interrupted=False)
    result = folder.claim(tmp_path, CONFIG)
    assert result == {"interrupted": False}
    assert {path.name for path in tmp_path.iterdir()} >= {*STALE, *KEPT}
