"""Painters of single cells under the microscope: a blood smear, and kidney cortex.

As `painters`, whose rules hold here too. Never tells about medicine.
"""

import numpy as np

from medmnist_tfds.data.medmnist_phantom import drawing

_BLOOD = (
    # size, red, green, blue of the cell; four lobes: size, how far from the middle,
    # angle between two; darkness; granules: how many, red, green, blue
    (0.60, 0.72, 0.52, 0.70, 0.28, 0.18, 1.6, 0.5, 1.0, 0.30, 0.12, 0.45),  # basophil
    (0.66, 0.90, 0.66, 0.62, 0.25, 0.26, 3.1, 0.7, 0.9, 0.82, 0.38, 0.32),  # eosinophil
    (0.50, 0.68, 0.62, 0.74, 0.30, 0.04, 1.6, 1.0, 0.1, 0.5, 0.4, 0.6),  # erythroblast
    (0.74, 0.74, 0.68, 0.82, 0.36, 0.16, 0.7, 0.4, 0.5, 0.55, 0.30, 0.58),  # immature
    (0.55, 0.72, 0.74, 0.88, 0.42, 0.06, 1.6, 0.7, 0.1, 0.50, 0.40, 0.60),  # lymphocyte
    (0.74, 0.70, 0.68, 0.80, 0.30, 0.22, 0.9, 0.5, 0.1, 0.85, 0.82, 0.88),  # monocyte
    (0.68, 0.88, 0.72, 0.78, 0.21, 0.28, 1.2, 0.8, 0.4, 0.74, 0.50, 0.66),  # neutrophil
    (0.24, 0.70, 0.55, 0.76, 0.10, 0.06, 1.6, 0.4, 0.8, 0.45, 0.22, 0.55),  # platelet
)


def _blood(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    spread = (0.15, 0.04, 0.04, 0.04, 0.2, 0.35, 0.15, 0.35, 0.5, 0.1, 0.15, 0.1)
    size, *colour, lobe, apart, angle, dark, grains, red, green, blue = drawing.traits(
        rng, _BLOOD, labels, spread=spread
    )
    image = _smear(rng, n)
    x, y = (drawing.uniform(rng, n, -0.12, 0.12) for _ in range(2))
    dents = 0.05 * drawing.noise(rng, n, 3, 3)
    cell = drawing.ellipse(x, y, size, size, dents=dents, sharpness=12)
    image = drawing.tint(image, np.stack(colour, axis=-1), 0.95 * cell)
    dots = drawing.step(6 * (drawing.noise(rng, n, 0.8, 0.8) - 1.6 + 1.5 * grains))
    granule = np.stack((red, green, blue), axis=-1)
    nucleus, first = np.zeros_like(cell), drawing.uniform(rng, n, 0, 2 * np.pi)
    for number in range(4):
        turn = first + angle * number
        place = x + apart * np.cos(turn), y + apart * np.sin(turn)
        length = lobe * drawing.uniform(rng, n, 0.85, 1.2)
        nucleus = np.maximum(
            nucleus, drawing.ellipse(*place, length, lobe, angle=turn, dents=dents)
        )
    chromatin = 1 - 0.25 * (1.2 - dark) * drawing.noise(rng, n, 1, 1)
    violet = np.array((0.52, 0.34, 0.66)) - dark[..., None] * (0.2, 0.22, 0.12)
    image = drawing.tint(image, violet * chromatin[..., None], 0.92 * nucleus)
    return drawing.tint(image, granule, 0.6 * dots * cell * (1 - 0.6 * nucleus))


def _smear(rng, examples: int) -> np.ndarray:
    """Pale plasma with red cells at the rim, paler in their middle: RGB."""
    image = np.full((examples, drawing.SIZE, drawing.SIZE, 3), (0.95, 0.87, 0.83))
    for number in range(5):
        turn = 1.26 * number + drawing.uniform(rng, examples, -0.5, 0.5)
        far = drawing.uniform(rng, examples, 0.85, 1.25)
        place = far * np.cos(turn), far * np.sin(turn)
        size = drawing.uniform(rng, examples, 0.3, 0.42)
        disc = drawing.ellipse(*place, size, size, sharpness=10)
        pale = drawing.ellipse(*place, 0.4 * size, 0.4 * size, sharpness=3)
        image = drawing.tint(image, (0.88, 0.68, 0.64), disc * (0.9 - 0.5 * pale))
    return image


_KIDNEY = (  # size, stretch, brightness, chromatin, neighbours, glow
    (0.36, 1.15, 0.55, 0.5, 0.7, 0.25),  # collecting duct, connecting tubule
    (0.32, 1.20, 0.60, 0.7, 0.9, 0.30),  # distal convoluted tubule
    (0.27, 1.80, 0.50, 0.4, 0.9, 0.10),  # glomerular endothelial cells
    (0.24, 2.40, 0.60, 0.4, 0.5, 0.15),  # interstitial endothelial cells
    (0.24, 1.05, 0.90, 0.9, 0.4, 0.10),  # leukocytes
    (0.40, 1.40, 0.50, 0.8, 0.6, 0.08),  # podocytes
    (0.38, 1.05, 0.45, 0.6, 0.3, 0.45),  # proximal tubule segments
    (0.30, 1.10, 0.70, 0.5, 0.8, 0.20),  # thick ascending limb
)


def _tissue(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    size, stretch, bright, chromatin, near, glow = drawing.traits(
        rng, _KIDNEY, labels, spread=(0.15, 0.15, 0.2, 0.3, 0.4, 0.4)
    )
    stretch = np.sqrt(stretch)
    image = 0.05 + glow * (0.4 + 0.12 * drawing.noise(rng, n, 3, 3))
    for number in range(4):
        turn = 1.57 * number + drawing.uniform(rng, n, -0.6, 0.6)
        far = drawing.uniform(rng, n, 0.85, 1.2)
        cell = drawing.ellipse(
            far * np.cos(turn),
            far * np.sin(turn),
            size * stretch,
            size / stretch,
            angle=turn + drawing.uniform(rng, n, 0.8, 2.2),
            sharpness=4,
        )
        image += 0.7 * bright * cell * (drawing.uniform(rng, n, 0, 1) < near)
    nucleus = drawing.ellipse(
        drawing.uniform(rng, n, -0.08, 0.08),
        drawing.uniform(rng, n, -0.08, 0.08),
        size * stretch,
        size / stretch,
        angle=drawing.uniform(rng, n, 0, np.pi),
        dents=0.08 * drawing.noise(rng, n, 2.5, 2.5),
        sharpness=5,
    )
    texture = 1 + 0.25 * chromatin * drawing.noise(rng, n, 1.2, 1.2)
    return image + (bright * texture - image) * nucleus


PAINTERS = {"blood": _blood, "tissue": _tissue}
