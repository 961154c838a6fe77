"""Corners of combinations, to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from rbfnet.domains._combination import Combination
from rbfnet.domains._domain import Domain
from rbfnet.domains._mesh import Mesh

Array = np.ndarray[Any, Any]

NEAR = 1e-5
"""A surface that is closer to a corner than this, relative to the domain's size, passes through it."""

FLAT = 1e-2
"""Normals whose smallest singular value is below this do not define a corner."""


def sharpened(domain: Domain, x: Array) -> Array:
    """Corners (C, D), moved to where the surfaces meet, by Newton's method.

    What bounds a combination is found by looking a little to both sides of its members' boundaries, so ends of their parts are
    known to 1e-7 of its size or so.
    """
    if not isinstance(domain, Combination):
        return x
    box = domain.box.numpy()
    near = NEAR * float(np.ptp(box, axis=0).max())
    return np.array([_sharpened(domain, point, box.mean(axis=0), near) for point in x]).reshape(x.shape)


def _sharpened(domain: Domain, point: Array, origin: Array, near: float) -> Array:
    x = point.copy()
    for _ in range(3):
        found = [_surfaces(leaf, x, origin) for leaf in domain.leaves]
        value, slope = np.concatenate([v for v, _ in found]), np.concatenate([s for _, s in found])
        length = np.linalg.norm(slope, axis=1)
        close = np.abs(value) <= near * length
        normals = slope[close] / length[close, None]
        if len(normals) < len(x) or np.linalg.svd(normals, compute_uv=False)[-1] < FLAT:
            break
        x = x - np.linalg.lstsq(normals, value[close] / length[close], rcond=None)[0]
    return x if np.linalg.norm(x - point) <= 10 * near else point


def _surfaces(leaf: Domain, x: Array, origin: Array) -> tuple[Array, Array]:
    """Functions that are zero on the planes and spheres of a leaf, or its implicit function: values (S,), gradients (S, D)."""
    rows = leaf.surfaces(torch.from_numpy(origin))
    if rows is not None:
        a, b, c = rows[:, :1].numpy(), rows[:, 1:-1].numpy(), rows[:, -1].numpy()
        z = x - origin
        return a[:, 0] * (z @ z) + b @ z - c, 2 * a * z + b
    if isinstance(leaf, Mesh) and len(x) == 3:
        # It has no implicit function.
        return np.zeros(0), np.zeros((0, 3))
    with torch.enable_grad():
        point = torch.from_numpy(x)[None].requires_grad_()
        value = leaf.implicit(point)
        (slope,) = torch.autograd.grad(value.sum(), point)
    return value.detach().numpy(), slope.numpy()
