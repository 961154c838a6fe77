"""Where data live and in which units: lines, circles and a sphere, and the lengths by which inputs are divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, one_of, positive, unknown
from rbfnet.nn import Embedding
from rbfnet.tables import Column

SCALES = ("each", "common", "none")


def embedding_of(
    x: Float[Tensor, "N D"], coords: Sequence[str], periodic: Mapping[Column, float] | None, sphere: Sequence[Column] | None
) -> Embedding:
    """The embedding of data, whose centres :meth:`Embedding.inverse` shows where the data are.

    Raises:
        InputError: too many or too few names, names or positions that are no inputs, periods that are not positive, latitudes
            beyond 90 degrees.
    """
    if x.shape[1] != len(coords):
        raise InputError(f"Data with the inputs {tuple(coords)} must be (N, {len(coords)}), but got {tuple(x.shape)}.")
    if periodic is not None and not isinstance(periodic, Mapping):
        raise InputError(f"periodic must map inputs to periods, as in {{{coords[0]!r}: 360.0}}, but got {periodic!r}.")
    periods: list[float | None] = [None] * len(coords)
    for key, period in (periodic or {}).items():
        i = _position("periodic", key, coords)
        periods[i] = positive(f"The period of {coords[i]!r}", period)
    at = None if sphere is None else _on_sphere(x, coords, sphere, periods)
    middle = (x.amin(dim=0) + x.amax(dim=0)) / 2
    turns = [360.0 if i in (at or ()) else p or 0.0 for i, p in enumerate(periods)]
    return Embedding(periods, [float(m) - turn / 2 for m, turn in zip(middle, turns, strict=True)], at)


def _on_sphere(
    x: Float[Tensor, "N D"], coords: Sequence[str], sphere: Sequence[Column], periods: Sequence[float | None]
) -> tuple[int, int]:
    """The positions of longitude and latitude."""
    if isinstance(sphere, str) or not isinstance(sphere, Sequence) or len(sphere) != 2:
        raise InputError(f"sphere must name longitude and latitude, in this order, as in ('lon', 'lat'), but got {sphere!r}.")
    lon, lat = (_position("sphere", key, coords) for key in sphere)
    if lon == lat:
        raise InputError(f"sphere must name two inputs, longitude and latitude, but got {coords[lon]!r} twice.")
    for i in (lon, lat):
        if periods[i] is not None:
            raise InputError(f"{coords[i]!r} is on the sphere, where longitudes have the period 360; remove it from periodic.")
    if (beyond := x[:, lat].abs() > 90).any():
        row = int(beyond.nonzero()[0])
        raise InputError(
            f"Latitudes must be from -90 to 90 degrees, but row {row} of {coords[lat]!r} is {float(x[row, lat]):g}; sphere names "
            "the longitude first."
        )
    return lon, lat


def _position(option: str, key: Column, coords: Sequence[str]) -> int:
    """The position of an input that is given by name or position."""
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(coords):
        return key
    if key not in coords:
        raise unknown(f"input for {option} called", key, coords)
    return list(coords).index(str(key))


def scale_of(given: str | Sequence[float] | Tensor, coords: Sequence[str], embedding: Embedding) -> str | list[float]:
    """How inputs are scaled, once it is known to be a name or one length per input.

    Raises:
        InputError: neither, or different lengths for longitude and latitude.
    """
    if isinstance(given, str):
        return one_of("scale", given, SCALES)
    lengths = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(lengths, Sequence) or len(lengths) != len(coords):
        raise InputError(
            f"scale must be 'each', 'common', 'none' or one length per input ({', '.join(coords)}), but got {lengths!r}."
        )
    found = [positive(f"The length of {name!r}", length) for name, length in zip(coords, lengths, strict=True)]
    if embedding.sphere is not None and found[embedding.sphere[0]] != found[embedding.sphere[1]]:
        lon, lat = (found[i] for i in embedding.sphere)
        raise InputError(f"Longitude and latitude need the same length in scale, in degrees, but got {lon:g} and {lat:g}.")
    return found


def input_scale(z: Float[Tensor, "N E"], embedding: Embedding, scale: str | list[float]) -> Float[Tensor, " E"]:
    """The length by which each coordinate of the embedding is divided.

    For ``"each"`` the standard deviation: that of the coordinates of a circle or sphere together, per dimension. So it does not
    depend on where a period starts, and tends to that of the input for data on a short arc. A constant input has the length 1.

    Args:
        z: the data. embedding: their lines, circles and sphere. scale: from :func:`scale_of`.
    """
    if not isinstance(scale, str):
        return _by_column([z.new_tensor(scale[inputs[0]]) for inputs, _ in embedding.parts], embedding)
    if scale == "none":
        return torch.ones_like(z[0])
    variance, size = z.var(dim=0, correction=0), z.abs().amax(dim=0)
    totals = [variance[list(columns)].sum() for _, columns in embedding.parts]
    lengths = [(total / len(inputs)).sqrt() for total, (inputs, _) in zip(totals, embedding.parts, strict=True)]
    if scale == "common":
        lengths = [(torch.stack(totals).sum() / embedding.in_features).sqrt()] * len(totals)
    rounding = [10 * torch.finfo(z.dtype).eps * size[list(columns)].amax() for _, columns in embedding.parts]
    return _by_column([torch.where(a > b, a, 1.0) for a, b in zip(lengths, rounding, strict=True)], embedding)


def extents(z: Float[Tensor, "N E"], embedding: Embedding, scale: str | list[float]) -> Float[Tensor, " E"]:
    """What distances between points are measured in to tell which are at the same site: their extents."""
    extent = z.amax(dim=0) - z.amin(dim=0)
    if isinstance(scale, str) and scale != "each":
        return extent.amax().expand_as(extent)
    if isinstance(scale, str):
        return _by_column([extent[list(columns)].amax() for _, columns in embedding.parts], embedding)
    length = input_scale(z, embedding, scale)
    return (extent / length).amax() * length


def over_the_poles(x: Float[Tensor, "N D"], lon: int, lat: int) -> Float[Tensor, "N D"]:
    """Points beyond a pole as what they are: on the other side of it."""
    beyond = x[:, lat].abs() > 90
    if beyond.any():
        x = x.clone()
        x[beyond, lon] += 180
        x[beyond, lat] = x[beyond, lat].sign() * 180 - x[beyond, lat]
    return x


def with_periods(box: Float[Tensor, "2 D"], embedding: Embedding) -> Float[Tensor, "2 D"]:
    """The box of the data with whole periods."""
    whole = box.clone()
    for i, (low, period) in enumerate(zip(embedding.low, embedding.periods, strict=True)):
        if period is not None:
            whole[:, i] = torch.tensor([low, low + period])
    return whole


def _by_column(values: Sequence[Tensor], embedding: Embedding) -> Float[Tensor, " E"]:
    """What is known of each line, circle and sphere for each of its columns."""
    return torch.cat([value.expand(len(columns)) for value, (_, columns) in zip(values, embedding.parts, strict=True)])
