"""`python -m benchmarks.run pipeline`: how fast we are, printed as a table.

Never asserts: timings are for people. Each figure is a median over repetitions.
"""

import argparse
import os
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow_datasets as tfds
from rich import console, table

import medmnist_tfds  # noqa: F401
from medmnist_tfds import pipeline
from medmnist_tfds.medmnist_phantom import medmnist_phantom_dataset_builder as phantoms

BATCH, EXAMPLES, REPEATS = 128, 20_000, 5


def images_per_second(batches, count: int) -> float:
    """Median over repetitions, each reading `count` images after one batch."""
    rates = []
    for _ in range(REPEATS):
        iterator, done = iter(batches), 0
        next(iterator)
        start = time.perf_counter()
        for images, *_ in iterator:
            done += len(images)
            if done >= count:
                break
        rates.append(done / (time.perf_counter() - start))
    return statistics.median(rates)


def measure_pipeline() -> None:
    """Shuffled training batches of 28x28 RGB images, against plain TFDS streams."""
    config = phantoms.PhantomConfig(
        name="path_benchmark",
        dataset="path",
        splits={"train": EXAMPLES, "val": 100, "test": 100},
    )
    with tempfile.TemporaryDirectory() as folder:
        builder = tfds.builder("medmnist_phantom", config=config, data_dir=folder)
        builder.download_and_prepare()
        split = pipeline.Split(builder, "train")
        split.images  # noqa: B018 read once, as a run does
        plain = builder.as_dataset(split="train", as_supervised=True)
        shuffled = plain.shuffle(EXAMPLES, seed=0).batch(BATCH, drop_remainder=True)
        rows = {
            "plain TFDS, shuffle and batch": (shuffled.prefetch(2), 2 * EXAMPLES),
            "the same, decoded images in cache()": (
                plain.cache().shuffle(EXAMPLES, seed=0).repeat().batch(BATCH),
                10 * EXAMPLES,
            ),
            "pipeline, training": (split.train_batches(BATCH, seed=0), 20 * EXAMPLES),
            "pipeline, evaluation": (split.eval_batches(BATCH), 20 * EXAMPLES),
        }
        shown = table.Table("28x28x3 images, batch 128", "images/s", "ratio")
        base = None
        for name, (batches, count) in rows.items():
            rate = images_per_second(batches, count)
            base = base or rate
            shown.add_row(name, f"{rate:,.0f}", f"{rate / base:.1f}x")
    console.Console().print(shown)


MEASUREMENTS = {"pipeline": measure_pipeline}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=MEASUREMENTS)
    MEASUREMENTS[parser.parse_args().what]()
