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


def images_per_second(batches, count: int) -> list[float]:
    """Rates of repetitions of `count` images each, start included, after a warm-up."""
    rates = []
    for _ in range(REPEATS + 1):
        start, done = time.perf_counter(), 0
        for images, *_ in batches:
            done += len(images)
            if done >= count:
                break
        rates.append(done / (time.perf_counter() - start))
    return rates[1:]


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
        plain = builder.as_dataset(
            split="train",
            as_supervised=True,
            read_config=tfds.ReadConfig(try_autocache=False),
        )

        def shuffled(dataset):
            return dataset.shuffle(EXAMPLES, seed=0).repeat().batch(BATCH).prefetch(2)

        rows = {
            "plain TFDS stream": (shuffled(plain), EXAMPLES),
            "TFDS stream, cached": (shuffled(plain.cache()), 10 * EXAMPLES),
            "pipeline, training": (split.train_batches(BATCH, seed=0), 10 * EXAMPLES),
            "pipeline, evaluation": (split.eval_batches(BATCH).repeat(), 10 * EXAMPLES),
        }
        shown = table.Table(
            "PHANTOM of PathMNIST, batch 128", "images/s", "min-max", "ratio"
        )
        base = None
        for name, (batches, count) in rows.items():
            rates = images_per_second(batches, count)
            middle = statistics.median(rates)
            base = base or middle
            span = f"{min(rates):,.0f}-{max(rates):,.0f}"
            shown.add_row(name, f"{middle:,.0f}", span, f"{middle / base:.1f}x")
    console.Console().print(shown)


MEASUREMENTS = {"pipeline": measure_pipeline}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=MEASUREMENTS)
    MEASUREMENTS[parser.parse_args().what]()
