"""One painter for each modality of volumes: from labels to solids that look like it.

A painter takes a random generator and the labels, and returns (examples, 28, 28, 28):
floats of about 0 to 1, or booleans where the data are masks. Never tells about
medicine.
"""

import numpy as np

from medmnist_tfds.data.medmnist_phantom import drawing, solids
from medmnist_tfds.data.medmnist_phantom.solids import X, Y, Z

_ORGANS = (  # side, width, height, depth, tilt, density, rim, mottling, air around
    (-0.50, 0.90, 0.75, 0.75, 0.2, 0.60, 0.05, 0.4, 0.1),  # liver
    (-0.70, 0.45, 0.48, 0.75, -0.3, 0.66, 0.50, 0.2, 0.0),  # kidney-right
    (0.70, 0.45, 0.48, 0.75, 0.3, 0.66, 0.50, 0.2, 0.0),  # kidney-left
    (-0.80, 0.34, 0.36, 1.10, -0.2, 0.75, 0.90, 0.2, 0.0),  # femur-right
    (0.80, 0.34, 0.36, 1.10, 0.2, 0.75, 0.90, 0.2, 0.0),  # femur-left
    (0.05, 0.68, 0.58, 0.60, 0.0, 0.42, 0.10, 0.1, 0.0),  # bladder
    (0.30, 0.72, 0.66, 0.68, 0.2, 0.66, -0.20, 0.3, 0.8),  # heart
    (-0.70, 0.62, 0.75, 0.95, -0.1, 0.10, 0.10, 1.3, 0.0),  # lung-right
    (0.70, 0.58, 0.75, 0.95, 0.1, 0.10, 0.10, 1.3, 0.0),  # lung-left
    (0.80, 0.42, 0.62, 0.66, -0.3, 0.60, 0.05, 0.3, 0.2),  # spleen
    (0.15, 0.85, 0.26, 0.34, 0.6, 0.54, 0.05, 0.7, 0.0),  # pancreas
)


def _organ(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    side, *radii, tilt, density, rim, mottling, air = solids.traits(
        rng, _ORGANS, labels, spread=(0.3, 0.25, 0.25, 0.25, 0.6, 0.14, 0.4, 0.4, 0.3)
    )
    z, y, x = (solids.uniform(rng, n, -0.15, 0.15) for _ in range(3))
    # The crop is centred on the organ, so the spine moves to its other side.
    away = x - 1.1 * (side + rng.normal(0, 0.4, side.shape))
    image = _abdomen(rng, away, z, air)
    place = (Z, Y, X - tilt * Z)
    form = {"dents": 0.1 * solids.noise(rng, n, 3)}
    core = solids.ellipsoid(place, (z, y, x), [0.6 * r for r in radii[::-1]], **form)
    inside = density + 0.1 * mottling * solids.noise(rng, n, 1.1).clip(-0.3, 3)
    inside = inside + 0.3 * rim * (0.5 - core)
    organ = solids.ellipsoid(place, (z, y, x), radii[::-1], sharpness=12, **form)
    image += (inside - image) * organ
    body = solids.length((X - 0.5 * away) / 1.45, (Y - 0.1) / 1.2)
    return image * drawing.step(15 * (1 - body))


def _abdomen(rng, away, z, air) -> np.ndarray:
    """Fat with bowel in it, and the spine at x = `away`; air where lungs are."""
    n = len(away)
    bowel = drawing.step(5 * (solids.noise(rng, n, 2.5) - 0.7))
    image = 0.27 + 0.05 * solids.noise(rng, n, 2) + 0.22 * bowel
    image = image * (1 - air * drawing.step(6 * (0.5 - Y)))
    column = solids.length((X - away) / 0.34, (Y - 0.85) / 0.36)
    vertebrae = 0.75 + 0.25 * np.cos(9 * (Z - z))
    marrow = 0.75 - 0.2 * drawing.step(8 * (0.7 - column))
    return image + (vertebrae * marrow - image) * drawing.step(8 * (1 - column))


# Size, lobes, spicules, density, calcified centre.
_NODULES = ((0.34, 0.12, 0.14, 0.62, 0.22), (0.45, 0.20, 0.40, 0.65, 0.06))


def _nodule(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    size, lobes, spicules, density, chalk = solids.traits(
        rng, _NODULES, labels, spread=(0.28, 0.5, 0.6, 0.12, 0.9)
    )
    place = solids.turned(rng, n)
    grain = solids.noise(rng, n, 2.5)
    image = _lung(rng, place) + 0.03 * grain
    dents = lobes * grain
    dents += spicules * solids.bumps(place, solids.uniform(rng, n, 5, 8)).clip(0, 1)
    ball = solids.ellipsoid(place, (0, 0, 0), (size, 0.9 * size, size), dents=dents)
    core = drawing.ridge(solids.length(*place), 0.45 * size)
    return image + (density + chalk * core - image).clip(0, 1) * ball


def _lung(rng, place) -> np.ndarray:
    """Air with two vessels through it, in some with a part of the chest's wall."""
    n = len(place[0])
    wall = drawing.step(10 * (place[0] - solids.uniform(rng, n, 0.5, 1.8)))
    image = 0.13 + 0.6 * wall
    for u, v, w in (place, place[[1, 2, 0]]):
        vessel = solids.length(
            v - solids.uniform(rng, n, -0.8, 0.8) + 0.6 * u * (1 - u**2),
            w - solids.uniform(rng, n, -0.8, 0.8) + 0.3 * u**2,
        )
        image += 0.45 * drawing.ridge(vessel, solids.uniform(rng, n, 0.05, 0.13))
    return image


# Buckled in, width of the gap, displaced along the chest wall and out of it, blood
# between rib and lung.
_FRACTURES = ((0.22, 0.2, 0.04, 0.05), (0.05, 0.8, 0.05, 0.15), (0.06, 0.9, 0.25, 0.3))
_RIB = (0.15, 0.2), (0.25, 0.33)  # half of its width and of its height


def _fracture(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    buckled, gap, shift, blood = solids.traits(
        rng, _FRACTURES, labels, spread=(0.4, 0.3, 0.4, 0.6)
    )
    along, out, up = solids.turned(rng, n)
    out = out + solids.uniform(rng, n, 0.1, 0.35) * along**2  # the chest is round
    swollen = blood * drawing.ridge(solids.length(along, up), 0.5)
    image = _chest_wall(rng, out, out - swollen)
    slant = along + solids.uniform(rng, n, -0.6, 0.6) * up
    period = solids.uniform(rng, n, 1.0, 1.3)
    number = np.round(up / period)  # of the rib that is nearest: 0 is the broken one
    up, broken = up - period * number, number == 0
    moved = shift * broken * (drawing.step(40 * slant) - 0.5)
    dip = out + broken * buckled * drawing.ridge(slant, 0.22) + moved
    width, height = (solids.uniform(rng, n, *ends) for ends in _RIB)
    rib = solids.length(dip / width, (up + 0.7 * moved) / height)
    bone = drawing.step(7 * (1 - rib)) * (1 - broken * gap * drawing.ridge(slant, 0.07))
    marrow = 0.95 - 0.3 * drawing.step(8 * (0.6 - rib))
    return image + (marrow - image) * bone


def _chest_wall(rng, out, inside) -> np.ndarray:
    """Fat, muscle and lung, from the skin at `out` -1 to where `inside` is 1."""
    n = len(out)
    skin, lung = drawing.step(10 * (-0.6 - out)), drawing.step(14 * (inside - 0.3))
    image = 0.45 + 0.04 * solids.noise(rng, n, 1.2) - 0.2 * skin
    return image + (0.1 + 0.03 * solids.noise(rng, n, 0.8) - image) * lung


# Thickness of the limbs, knots in them.
_ADRENALS = ((0.10, 0.05), (0.125, 0.25))
# Angle of each, and how long at least and at most.
_LIMBS = (np.pi, 0.7, 1.0), (0.0, 0.6, 0.9), (0.8, 0.3, 0.6)


def _adrenal(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    thickness, knots = solids.traits(rng, _ADRENALS, labels, spread=(0.2, 0.4))
    turn = solids.uniform(rng, n, 0.4, 1.1)
    depth = Z + solids.uniform(rng, n, -0.5, 0.5) * X
    dents = knots * solids.noise(rng, n, 2.2)
    gland = np.zeros((n, *Z.shape), bool)
    for angle, shortest, longest in _LIMBS:
        angle = angle + turn + solids.uniform(rng, n, -0.25, 0.25)
        reach = solids.uniform(rng, n, shortest, longest) / 2
        # The three begin where each is thick enough to hold the others.
        along = X * np.cos(angle) + Y * np.sin(angle) - 0.7 * reach
        bend = solids.uniform(rng, n, -0.5, 0.5)
        beside = Y * np.cos(angle) - X * np.sin(angle) + bend * along**2
        place = (depth - solids.uniform(rng, n, -0.15, 0.15), beside, along)
        radii = (solids.uniform(rng, n, 0.3, 0.55), thickness, reach)
        gland |= solids.ellipsoid(place, (0, 0, 0), radii, dents=dents) > 0.5
    return gland


_BULGES = ((0.24,), (0.36,))  # radius of the ball at a vessel's side


def _vessel(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    (bulge,) = solids.traits(rng, _BULGES, labels, spread=0.25)
    u, v, w = solids.turned(rng, n)
    radius = solids.uniform(rng, n, 0.12, 0.22)
    waves, start = solids.uniform(rng, n, 1.5, 3), solids.uniform(rng, n, -3, 3)
    v = v - 0.3 * np.sin(waves * u + start)
    w = w - 0.3 * np.cos(waves * u - start)
    vessel = solids.length(v, w) < radius * (1 + 0.2 * u)
    fork, slope = solids.uniform(rng, n, -0.3, 0.8), solids.uniform(rng, n, 0.5, 1.0)
    branch = solids.length(v - slope * (u - fork), w) < 0.75 * radius
    vessel |= branch & (u > fork)
    at, off = solids.uniform(rng, n, -0.4, 0.4), radius + 0.5 * bulge
    ball = solids.length(u - at, v + 0.8 * off, w + 0.6 * off)
    vessel |= ball < bulge * (1 + 0.1 * solids.noise(rng, n, 3))
    return vessel & (np.abs(u) < 0.95)


# Density behind the cleft, its thickness, the vesicles before it.
_SYNAPSES = ((0.15, 0.10, 0.7), (0.40, 0.22, 1.0))


def _synapse(rng, labels: np.ndarray) -> np.ndarray:
    n = len(labels)
    density, thickness, vesicles = solids.traits(
        rng, _SYNAPSES, labels, spread=(0.4, 0.3, 0.3)
    )
    across, *beside = solids.turned(rng, n)
    across = across + 0.12 * solids.noise(rng, n, 4)
    from_axis = solids.length(*beside)
    cells = solids.noise(rng, n, 4)
    image = 0.62 + 0.08 * np.tanh(3 * cells) + 0.05 * np.tanh(8 * across)
    image += 0.07 * solids.noise(rng, n, 0.7)
    for membrane, width in ((cells, 0.16), (across, 0.07)):
        image -= 0.35 * drawing.ridge(membrane, width)
    dots = drawing.step(6 * (solids.noise(rng, n, 0.7) - 0.8))
    before = drawing.ridge(across - 0.35, 0.3) * drawing.step(20 * across)
    near = before * drawing.step(6 * (0.75 - from_axis))
    behind = drawing.ridge(across + 0.5 * thickness, thickness)
    dense = behind * drawing.step(12 * (0.5 - from_axis))
    return image - 0.25 * vesicles * dots * near - density * dense


PAINTERS = {
    "organ_3d": _organ,
    "nodule_3d": _nodule,
    "fracture_3d": _fracture,
    "adrenal_3d": _adrenal,
    "vessel_3d": _vessel,
    "synapse_3d": _synapse,
}
