"""One painter for each modality: from labels to pictures that look like it.

A painter takes a random generator and the labels, and returns floats of about 0 to 1,
(examples, 28, 28), RGB last where there are colours. Never tells about medicine.
"""

import functools

import numpy as np

from medmnist_tfds.data.medmnist_phantom import drawing
from medmnist_tfds.data.medmnist_phantom.drawing import X, Y

_TISSUES = (  # pale, fibres, walls, mottling, small nuclei, large nuclei, glands
    (0.90, 0.05, 0.90, 0.05, 0.05, 0.02, 0.02),  # adipose
    (0.95, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02),  # background
    (0.35, 0.15, 0.20, 0.90, 0.45, 0.35, 0.10),  # debris
    (0.30, 0.10, 0.10, 0.20, 1.00, 0.35, 0.02),  # lymphocytes
    (0.65, 0.50, 0.10, 0.60, 0.30, 0.05, 0.05),  # mucus
    (0.05, 0.80, 0.05, 0.20, 0.35, 0.05, 0.02),  # smooth muscle
    (0.30, 0.15, 0.10, 0.20, 0.45, 0.50, 0.90),  # normal colon mucosa
    (0.25, 0.70, 0.10, 0.40, 0.50, 0.30, 0.02),  # cancer-associated stroma
    (0.15, 0.15, 0.10, 0.30, 0.35, 1.00, 0.25),  # adenocarcinoma epithelium
)


def _histology(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    pale, fibres, walls, mottling, small, large, glands = drawing.traits(
        rng, _TISSUES, labels, spread=0.36
    )
    angle = drawing.uniform(rng, n, 0, np.pi)
    cloud, cells = drawing.noise(rng, n, 3, 3), drawing.noise(rng, n, 2.5, 2.5)
    wave = np.sin(13 * (X * np.cos(angle) + Y * np.sin(angle)) + 1.2 * cloud)
    fine, coarse = drawing.noise(rng, n, 0.8, 0.8), drawing.noise(rng, n, 1.4, 1.4)
    image = np.full((n, drawing.SIZE, drawing.SIZE, 3), (0.86, 0.55, 0.74))
    for colour, mask in (
        ((0.95, 0.90, 0.94), pale * np.ones_like(cloud)),
        ((0.70, 0.35, 0.60), fibres * 0.45 * drawing.step(3 * wave)),
        ((0.62, 0.38, 0.62), mottling * 0.6 * drawing.step(3 * cloud)),
        ((0.80, 0.45, 0.68), walls * 0.8 * drawing.ridge(cells, 0.35)),
        ((0.45, 0.24, 0.56), glands * drawing.ridge(cells - 0.5, 0.4)),
        ((0.95, 0.88, 0.94), glands * drawing.step(9 * (cells - 1))),
        ((0.30, 0.18, 0.48), 0.85 * drawing.step(6 * (fine - 3.0 + 2.8 * small))),
        ((0.42, 0.22, 0.55), 0.85 * drawing.step(6 * (coarse - 3.0 + 2.8 * large))),
    ):
        image = drawing.tint(image, colour, mask)
    return image


_FINDINGS = (  # x (both signs are drawn), y, width, height, brightness, grain
    (0.45, 0.30, 0.34, 0.07, 0.40, 0.1),  # atelectasis
    (0.10, 0.50, 0.45, 0.32, 0.40, 0.0),  # cardiomegaly
    (0.48, 0.62, 0.36, 0.22, 0.45, 0.0),  # effusion
    (0.45, -0.10, 0.26, 0.30, 0.30, 0.9),  # infiltration
    (0.45, -0.25, 0.19, 0.19, 0.45, 0.1),  # mass
    (0.45, -0.05, 0.10, 0.10, 0.50, 0.0),  # nodule
    (0.45, 0.25, 0.28, 0.24, 0.40, 0.5),  # pneumonia
    (0.50, -0.50, 0.30, 0.20, -0.40, 0.0),  # pneumothorax
    (0.45, 0.00, 0.30, 0.34, 0.42, 0.2),  # consolidation
    (0.00, -0.05, 0.75, 0.22, 0.25, 0.4),  # edema
    (0.00, 0.00, 0.85, 0.85, -0.15, 0.0),  # emphysema
    (0.45, 0.40, 0.30, 0.30, 0.20, 1.5),  # fibrosis
    (0.72, 0.00, 0.07, 0.60, 0.45, 0.1),  # pleural
    (0.00, 0.55, 0.16, 0.16, -0.35, 0.0),  # hernia
)


def _thorax(rng, examples: int):
    """Chest X-rays, their lung fields, and how far each is shifted right and down."""
    x, y = (drawing.uniform(rng, examples, -0.1, 0.1) for _ in range(2))
    size = drawing.uniform(rng, examples, 0.9, 1.1)
    left = drawing.ellipse(x - 0.45, y, 0.34 * size, 0.7 * size, angle=0.12)
    right = drawing.ellipse(x + 0.45, y, 0.34 * size, 0.7 * size, angle=-0.12)
    heart = drawing.ellipse(x + 0.12, y + 0.38, 0.3 * size, 0.36 * size)
    lungs = (left + right).clip(0, 1) * (1 - 0.85 * heart)
    body = drawing.ellipse(x, y + 0.6, 1.15, 1.6) * (
        0.58 + 0.2 * drawing.ridge(X - x, 0.22)
    )
    ribs = 0.06 * np.cos(14 * (Y - y) + 6 * (X - x) ** 2)
    image = body - lungs * (0.4 - ribs) + 0.03 * drawing.noise(rng, examples, 2, 2)
    return image, lungs, x, y


def _chest(rng, labels: np.ndarray) -> np.ndarray:
    image, _, x, y = _thorax(rng, len(labels))
    for seen, (across, down, width, height, brightness, grain) in zip(
        labels.T.astype(bool), _FINDINGS, strict=True
    ):
        n = seen.sum()
        mask = drawing.ellipse(
            x[seen] + across * rng.choice((-1, 1), (n, 1, 1)),
            y[seen] + down + drawing.uniform(rng, n, -0.12, 0.12),
            width * drawing.uniform(rng, n, 0.75, 1.25),
            height * drawing.uniform(rng, n, 0.75, 1.25),
        )
        texture = 1 + grain * drawing.noise(rng, n, 0.8, 0.8)
        image[seen] += brightness * drawing.uniform(rng, n, 0.7, 1.1) * mask * texture
    return image


def _pneumonia(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    image, lungs, _, _ = _thorax(rng, n)
    # Normal lungs show vessels, mild pneumonia hardly more: the two ranges overlap.
    (severity,) = drawing.traits(rng, [[0.2], [0.65]], labels, spread=0.35)
    patches = drawing.step(3 * (drawing.noise(rng, n, 3.5, 3) - 1 + severity))
    return image + lungs * severity * patches * (
        0.3 + 0.15 * drawing.noise(rng, n, 1, 1)
    )


_LESIONS = (  # red, green, blue, size, dents, mottling, pale centre
    (0.72, 0.40, 0.36, 0.52, 0.18, 0.70, 0.10),  # actinic keratoses
    (0.76, 0.48, 0.46, 0.45, 0.12, 0.40, 0.50),  # basal cell carcinoma
    (0.58, 0.40, 0.30, 0.52, 0.14, 0.60, 0.05),  # benign keratosis-like lesions
    (0.62, 0.42, 0.36, 0.38, 0.07, 0.20, 0.60),  # dermatofibroma
    (0.38, 0.24, 0.22, 0.56, 0.24, 0.60, 0.05),  # melanoma
    (0.48, 0.31, 0.24, 0.44, 0.09, 0.30, 0.05),  # melanocytic nevi
    (0.62, 0.20, 0.26, 0.40, 0.08, 0.20, 0.05),  # vascular lesions
)


def _skin(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    # Channels that vary more than this, each by itself, make green lesions.
    spread = (0.06, 0.06, 0.06, 0.25, 0.45, 0.45, 0.45)
    *colour, size, dents, mottling, pale = drawing.traits(
        rng, _LESIONS, labels, spread=spread
    )
    patches = 1 - 0.2 * mottling * drawing.noise(rng, n, 1.8, 1.8)
    colour = (
        np.stack(colour, axis=-1)
        * (patches * drawing.uniform(rng, n, 0.8, 1.2))[..., None]
    )
    x, y = (drawing.uniform(rng, n, -0.2, 0.2) for _ in range(2))
    angle, length = (
        drawing.uniform(rng, n, 0, np.pi),
        size * drawing.uniform(rng, n, 1, 1.25),
    )
    dents = dents * drawing.noise(rng, n, 2.5, 2.5)
    lesion = drawing.ellipse(x, y, length, size, angle=angle, dents=dents)
    tone = rng.uniform(0, 0.2, (n, 1, 1, 1)) + (0.76, 0.55, 0.48)
    image = tone + 0.02 * drawing.noise(rng, n, 1, 1)[..., None]
    image = drawing.tint(image, colour, 0.9 * lesion)
    image = drawing.tint(
        image, tone, pale * drawing.ellipse(x, y, size / 2, size / 2, sharpness=4)
    )
    hair = drawing.ridge(X * np.sin(angle) - Y * np.cos(angle) + 0.3 * X**2 - x, 0.05)
    return drawing.tint(
        image, (0.2, 0.13, 0.1), 0.6 * hair * (drawing.uniform(rng, n, 0, 1) < 0.3)
    )


def _oct(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    new_vessels, oedema, drusen = (
        np.where(labels == kind, 1, 0.06)[:, None, None]
        * drawing.uniform(rng, n, 0.25, 1.1)
        for kind in range(3)
    )
    x = drawing.uniform(rng, n, -0.4, 0.4)
    bend = (
        drawing.uniform(rng, n, -0.25, 0.25) * X
        + drawing.uniform(rng, n, -0.1, 0.25) * X**2
    )
    floor = drawing.uniform(rng, n, 0.1, 0.4) + bend  # the pigment epithelium's y
    top = (
        floor
        - drawing.uniform(rng, n, 0.5, 0.65)
        - 0.35 * oedema * drawing.ridge(X - x, 0.6)
    )
    top = top + 0.2 * drawing.ridge(X - x, 0.25) * (1 - oedema)
    floor = floor - 0.15 * drusen * drawing.noise(rng, n, 2, 1.3)[:, :1].clip(0, 2)
    floor = floor - 0.35 * new_vessels * drawing.ridge(X - x, 0.35)
    retina = drawing.step(25 * (Y - top)) * drawing.step(25 * (floor - Y))
    below = drawing.step(25 * (Y - floor)) * np.exp((floor - Y).clip(-2, 0) / 0.3)
    cysts = drawing.step(7 * (drawing.noise(rng, n, 1.5, 1.5) - 0.9)) * drawing.ridge(
        X - x, 0.6
    )
    layers = 0.35 + 0.07 * np.cos(22 * (Y - floor)) - 0.35 * oedema * cysts
    image = 0.06 + layers * retina + 0.35 * below
    image += 0.3 * drawing.ridge(Y - top, 0.08) + 0.45 * drawing.ridge(Y - floor, 0.09)
    return image * (1 + 0.22 * drawing.noise(rng, n, 0.5, 0.8))


def _fundus(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    grade = labels[:, None, None] + rng.normal(0, 0.45, (n, 1, 1))
    tone = rng.uniform((0.65, 0.30, 0.10), (0.88, 0.45, 0.20), (n, 1, 1, 3))
    image = (
        tone * (1 - 0.3 * (X**2 + Y**2) + 0.03 * drawing.noise(rng, n, 3, 3))[..., None]
    )
    side = rng.choice((-1, 1), (n, 1, 1))
    x, y = (
        0.5 * side + drawing.uniform(rng, n, -0.1, 0.1),
        drawing.uniform(rng, n, -0.12, 0.12),
    )
    vessels = drawing.ridge(np.abs(Y - y) - 0.6 * np.sqrt(np.abs(X - x)), 0.06)
    image = drawing.tint(
        image, (0.45, 0.15, 0.06), 0.5 * drawing.ellipse(-0.2 * side, y, 0.25, 0.25)
    )
    image = drawing.tint(image, (0.42, 0.10, 0.06), 0.6 * vessels)
    image = drawing.tint(
        image, (0.98, 0.85, 0.50), 0.9 * drawing.ellipse(x, y, 0.17, 0.2)
    )
    for onset, grain, colour in (
        (0.0, 0.7, (0.35, 0.05, 0.04)),  # microaneurysms, from grade 1
        (1.2, 0.8, (0.98, 0.88, 0.45)),  # exudates, from grade 2
        (2.4, 1.8, (0.30, 0.04, 0.04)),  # haemorrhages, from grade 3
    ):
        extent = (grade - onset).clip(0, 3)
        spots = drawing.step(
            7 * (drawing.noise(rng, n, grain, grain) - 2.9 + extent / 2)
        )
        image = drawing.tint(image, colour, 0.75 * spots * extent.clip(0, 1))
    disc = drawing.ellipse(0, 0, drawing.uniform(rng, n, 0.9, 1.05), 0.97, sharpness=25)
    return image * disc[..., None]


def _ultrasound(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    benign = labels[:, None, None] + rng.normal(0, 0.3, (n, 1, 1))
    x, y = drawing.uniform(rng, n, -0.25, 0.25), drawing.uniform(rng, n, -0.2, 0.15)
    width = drawing.uniform(rng, n, 0.3, 0.55)
    height = width * (0.95 - 0.25 * benign).clip(0.4, 1.2)
    dents = (0.25 - 0.2 * benign).clip(0, 1) * drawing.noise(rng, n, 1.8, 1.8)
    mass = drawing.ellipse(x, y, width, height, dents=dents)
    # Label 1 holds both benign and normal: some of its breasts have no mass.
    mass = mass * (
        (labels[:, None, None] == 0) | (drawing.uniform(rng, n, 0, 1) < 0.75)
    )
    under = (
        drawing.ridge(X - x, width)
        * drawing.step(12 * (Y - y - height))
        * (0.5 - benign)
    )
    image = 0.5 + 0.08 * drawing.noise(rng, n, 1.2, 6) - 0.12 * Y - 0.2 * under
    image += 0.25 * drawing.ridge(Y + 0.95, 0.15) - 0.4 * mass
    return image * (1 + 0.2 * drawing.noise(rng, n, 0.7, 1))


_ORGANS = (  # side of the body, width, height, angle, brightness, rim, mottling
    (0.05, 0.55, 0.48, 0.05, 0.42, 0.10, 0.2),  # bladder
    (0.80, 0.32, 0.36, -0.4, 0.75, 0.90, 0.3),  # femur-left
    (-0.80, 0.32, 0.36, 0.4, 0.75, 0.90, 0.3),  # femur-right
    (0.30, 0.65, 0.58, 0.5, 0.66, -0.20, 0.4),  # heart
    (0.70, 0.34, 0.48, 0.4, 0.62, 0.40, 0.5),  # kidney-left
    (-0.70, 0.34, 0.48, -0.4, 0.62, 0.40, 0.5),  # kidney-right
    (-0.50, 0.80, 0.64, 0.3, 0.58, 0.05, 0.4),  # liver
    (0.70, 0.52, 0.72, -0.2, 0.10, 0.10, 0.9),  # lung-left
    (-0.70, 0.56, 0.72, 0.2, 0.10, 0.10, 0.9),  # lung-right
    (0.15, 0.65, 0.24, -0.3, 0.52, 0.05, 1.2),  # pancreas
    (0.80, 0.38, 0.58, -0.6, 0.58, 0.05, 0.4),  # spleen
)
_VIEWS = {  # how far the side moves the spine; spine's x, y, height; organ's stretch
    "axial": (-1.1, 0.0, 0.85, 0.25, 1.0),
    "coronal": (-1.1, 0.0, 0.0, 5.0, 1.25),
    "sagittal": (0.0, 0.85, 0.0, 5.0, 0.9),  # left and right differ by tilt only
}


def _organ(rng, labels: np.ndarray, *, view: str) -> np.ndarray:
    n = len(labels)
    side, width, height, angle, brightness, rim, mottling = drawing.traits(
        rng, _ORGANS, labels, spread=0.2
    )
    pull, right, down, tall, stretch = _VIEWS[view]
    x, y = (drawing.uniform(rng, n, -0.15, 0.15) for _ in range(2))
    # The crop is centred on the organ, so the spine moves to its other side.
    away = x + right + pull * (side + rng.normal(0, 0.3, side.shape))
    vertebrae = 0.75 + 0.25 * np.cos(14 * (Y - y - down))
    spine = vertebrae * drawing.ellipse(away, y + down, 0.25, tall, sharpness=5)
    bowel = drawing.step(5 * (drawing.noise(rng, n, 2, 2) - 0.8))
    image = 0.33 + 0.07 * drawing.noise(rng, n, 2.5, 2.5) + 0.18 * bowel + 0.45 * spine
    form = {"angle": angle, "dents": 0.1 * drawing.noise(rng, n, 3, 3)}
    height = height * stretch
    core = drawing.ellipse(x, y, 0.6 * width, 0.6 * height, **form)
    inside = brightness * (1 + 0.15 * mottling * drawing.noise(rng, n, 1, 1))
    inside = inside + 0.3 * rim * (0.5 - core)
    image += (inside - image) * drawing.ellipse(x, y, width, height, **form)
    return image * drawing.ellipse(
        away * 0.5, y, 1.35, 1.05 + tall - 0.25, sharpness=15
    )


PAINTERS = {
    "path": _histology,
    "chest": _chest,
    "derma": _skin,
    "oct": _oct,
    "pneumonia": _pneumonia,
    "retina": _fundus,
    "breast": _ultrasound,
    "organ_axial": functools.partial(_organ, view="axial"),
    "organ_coronal": functools.partial(_organ, view="coronal"),
    "organ_sagittal": functools.partial(_organ, view="sagittal"),
}
