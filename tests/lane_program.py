"""What a lane computes, for test_lanes.py to compare; prints JSON.

`lane_program.py PART,PART FOLDER`, in the lane and on the devices of the environment.
"""

import json
import pathlib
import sys

import keras
import numpy as np

from medmnist_tfds import models, train
from medmnist_tfds.data import pipeline
from medmnist_tfds.process import errors
from medmnist_tfds.train import metrics

DRAWN = np.random.default_rng(0)
IMAGES = DRAWN.integers(256, size=(160, 28, 28, 3), dtype=np.uint8)
LABELS = DRAWN.integers(4, size=160)
EPOCHS, BATCH = 2, 16  # 20 steps
COMPILED = []  # one for each program that XLA has compiled

if keras.backend.backend() == "jax":
    import jax

    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: COMPILED.append(name) if "backend_compile" in name else 0
    )


def images() -> pipeline.Split:
    return pipeline.Split.from_arrays(IMAGES, LABELS, name="train")


def save(folder: pathlib.Path) -> dict:
    """ResNet-18 with weights and statistics of its own, in a file, and its logits."""
    keras.utils.set_random_seed(1)
    model = models.resnet18(4)
    model(IMAGES[:32], training=True)  # statistics move
    model.save_weights(folder / f"{keras.backend.backend()}.weights.h5")
    return {"logits": model.predict(IMAGES[:32], verbose=0).tolist()}


def load(folder: pathlib.Path) -> dict:
    """Logits by the weights that the other lane has saved."""
    model = models.resnet18(4)
    (file,) = set(folder.glob("*.h5")) - {
        folder / f"{keras.backend.backend()}.weights.h5"
    }
    model.load_weights(file)
    return {"logits": model.predict(IMAGES[:32], verbose=0).tolist()}


def network() -> keras.Model:
    inputs = keras.Input((28, 28, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, 2, use_bias=False)(x)
        x = models.FusedBatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(4, dtype="float32")(x))


def steps(folder: pathlib.Path) -> dict:
    """Twenty steps of a small network from the weights in the folder."""
    strategy = train.choose_strategy("mirrored")
    with strategy.scope():
        model = train.XLAModel.from_functional(network())
        if not (start := folder / "start.weights.h5").exists():
            model.save_weights(start)
        model.load_weights(start)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01, 0.9), loss)
    batches = images().train_batches(BATCH, seed=0)
    counts = []
    fitted = model.fit(
        batches,
        steps_per_epoch=10,
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: counts.append(len(COMPILED))
            )
        ],
    )
    whole = 150  # of three batches of 56: the last is filled up
    split = pipeline.Split.from_arrays(IMAGES[:whole], LABELS[:whole], name="val")
    scorer = metrics.Scorer(split, task="multi-class", from_logits=True, batch_size=56)
    return {
        "devices": strategy.num_replicas_in_sync,
        "losses": fitted.history["loss"],
        "weights": [weight.tolist() for weight in model.get_weights()],
        "predicted": scorer.predict(model).tolist(),
        "compiled_by_step": counts,
    }


def uneven(folder: pathlib.Path) -> dict:
    """A batch that the devices cannot share."""
    strategy = train.choose_strategy("mirrored")
    try:
        train.fit(
            "medmnist_phantom/breast",
            recipe=train.Recipe(epochs=1, batch_size=12),
            out=folder / "run",
            strategy=strategy,
        )
    except errors.MedMNISTError as error:
        return {"refused": str(error)}
    return {}


PARTS = {part.__name__: part for part in (save, load, steps, uneven)}
if __name__ == "__main__":
    result = {
        name: PARTS[name](pathlib.Path(sys.argv[2])) for name in sys.argv[1].split(",")
    }
    print(json.dumps(result))
