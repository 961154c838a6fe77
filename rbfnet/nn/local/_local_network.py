"""LocalNetwork: a partition of unity of local interpolants, linear in its nodal values, with sparse rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError, number, positive
from rbfnet.kernels import KernelLike, Polyharmonic, as_kernel
from rbfnet.nn._inputs import points, size
from rbfnet.nn._layer import require_smooth
from rbfnet.nn._tail import num_terms
from rbfnet.nn.blocks import transformed
from rbfnet.nn.local._derivatives import Asked, derivatives
from rbfnet.nn.local._leave_one_out import left_out
from rbfnet.nn.local._local_basis import LocalBasis
from rbfnet.nn.local._local_sums import LocalSums
from rbfnet.nn.local._multi_index import terms_of
from rbfnet.nn.local._partition import BUMP
from rbfnet.nn.local._patches import Patches
from rbfnet.operators import LinearModel, Operator

DEGREES = {1: 5, 2: 4, 3: 3}
"""Degree of the polynomials by dimension; 2 above."""

TERMS = 70
"""Most terms of the polynomials that are chosen by themselves."""


class LocalNetwork(LinearModel):
    """u(x) = sum_p W_p(x) s_p(x), W_p = psi_p / sum_q psi_q: a blend of local interpolants, (..., D) -> (..., O).

    s_p interpolates the nodal values at the n nodes nearest to the centre of patch p by a kernel and polynomials; psi_p is
    Wendland's C4 function of |x - c_p| / r_p. The coefficients are the values at the nodes, u(x_j) = values_j, so to interpolate
    data nothing is solved but small systems. Every linear differential operator is known in closed form, by Leibniz' rule, and
    depends on few nodes: ``sparse_features`` has about 2 n nonzeros per row. With polynomials of degree m the error of a
    derivative of order k falls like h^(m + 1 - k). A point outside of every patch takes the interpolant of the nearest one.

    Sources: Wendland, Fast evaluation of radial basis functions (2002); Flyer, Fornberg, Bayona and Barnett, J. Comput. Phys.
    321 (2016); Larsson, Shcherbakov and Heryudono, SIAM J. Sci. Comput. 39 (2017); Mirzaei, SIAM J. Sci. Comput. 43 (2021).

    Args:
        in_features: the dimension D.
        out_features: the number of outputs O.
        nodes: (N, D), distinct.
        kernel: a Kernel, its name, or a plain function of s; its parameters are not trained.
        degree: of the polynomials; None takes 5, 4, 3 in one, two, three dimensions and 2 above, at least what the kernel's order
            needs, at most what the nodes allow.
        neighbors: n, the number of nodes of an interpolant; None takes twice the number of polynomial terms. Data are usually
            fitted with 50.
        epsilon: the shape parameter of the kernel times the distance of nearest nodes, patch by patch; polyharmonic
            interpolants do not depend on it.
        dtype, device: of nodes and values. Interpolants are computed in float64.

    Attributes:
        nodes: (N, D), a buffer. values: (N, O), the parameter, zero at first. neighbors: n. degree: of the polynomials.

    Raises:
        InputError: anything that does not fit: too few nodes for the polynomials or nodes that coincide, among it.

    Example:
        >>> import torch
        >>> from rbfnet.nn import LocalNetwork
        >>> from rbfnet.operators import Operator, laplacian
        >>> nodes = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        >>> net = LocalNetwork(2, 1, nodes, dtype=torch.float64)
        >>> net.set_coefficients(nodes.prod(dim=1, keepdim=True) ** 2)  # x^2 y^2 is a polynomial of degree 4
        >>> x = torch.tensor([[0.3, 0.5]], dtype=torch.float64)
        >>> round(net(x).item(), 8), round(laplacian(net, x).item(), 6)
        (0.0225, 0.68)
        >>> net.sparse_features(nodes, Operator.laplacian(0, 1)).shape
        (2000, 2000)
    """

    nodes: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        nodes: Float[Tensor, "N D"],
        kernel: KernelLike = "cubic",
        degree: int | None = None,
        neighbors: int | None = None,
        epsilon: float = 0.5,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = size("in_features", in_features), size("out_features", out_features)
        given = _checked(nodes, self.in_features).detach().to(dtype=dtype or torch.get_default_dtype(), device=device, copy=True)
        self.kernel = copy.deepcopy(as_kernel(kernel)).double().requires_grad_(False)
        self.relative_epsilon = float(positive("epsilon", epsilon))
        self.degree = self._degree(degree, len(given))
        self.neighbors = self._neighbors(neighbors, len(given))
        self.register_buffer("nodes", given.contiguous())
        self.values = nn.Parameter(given.new_zeros((len(given), self.out_features)))
        self._sums: LocalSums | None = None
        self._of: tuple[Tensor, int] | None = None

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... O"]:
        """The value of the network."""
        x = points(x, self.in_features)
        flat = x.reshape(-1, x.shape[-1])
        return self.apply_operator(flat, Operator.identity()).reshape(*x.shape[:-1], self.out_features)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        return self._applied(x, ops, self.values)

    def contract(
        self, x: Float[Tensor, "B D"], ops: Sequence[Operator], coefficients: Float[Tensor, "N C"]
    ) -> Float[Tensor, "B C K"]:
        """Several operators of the blend of interpolants of other nodal values than the network's own."""
        return self._applied(x, ops, coefficients)

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        """``op`` of each nodal basis function, as a full matrix: for few nodes."""
        if x.requires_grad or transformed(x) or any(t.requires_grad or transformed(t) for t in op.tensors):
            return self._applied(x, [op], torch.eye(len(self.nodes), dtype=x.dtype, device=x.device))[..., 0]
        return torch.from_numpy(self.sparse_features(x, op).toarray()).to(x)

    def sparse_features(self, x: Float[Tensor, "B D"], op: Operator, blend: bool = True) -> Any:
        """``op`` of each nodal basis function: a SciPy array (B, N) in CSR form, in float64.

        Args:
            x: the points.
            op: the operator, over indices of coordinates.
            blend: by Leibniz' rule through the weights of all patches about a point; if false, of the interpolant of the nearest
                patch alone (direct RBF-FD), which has n nonzeros per row.

        Raises:
            InputError: points or operators that do not fit.
        """
        (op,) = self._fitting(x, [op])
        return self._local().rows(x, terms_of(op, self.in_features), blend)

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        """The values at the nodes."""
        return self.values

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        """Write the values at the nodes in place."""
        with torch.no_grad():
            self.values.copy_(values)

    @property
    def weight(self) -> Float[Tensor, "N O"]:
        """The values at the nodes, under the name that weights of other networks have."""
        return self.values

    @property
    def centers(self) -> Float[Tensor, "N D"]:
        """The nodes, under the name that centres of other networks have."""
        return self.nodes

    @property
    def num_centers(self) -> int:
        """N."""
        return len(self.nodes)

    @property
    def epsilon(self) -> Float[Tensor, ""]:
        """The shape parameter times the distance of nearest nodes, ()."""
        return self.nodes.new_tensor(self.relative_epsilon)

    def moments(self) -> Float[Tensor, "N T"]:
        """No columns: the values at the nodes are subject to no conditions."""
        return self.nodes.new_zeros((len(self.nodes), 0))

    def left_out(self, values: Float[Tensor, "N O"]) -> Float[Tensor, "N O"]:
        """At each node its value less what the interpolants of the other nodes of each patch give there, blended.

        By Rippa's formula, w_j / (A^-1)_jj in each patch; NaN where the polynomials are not determined without the node.

        Source: Rippa, Adv. Comput. Math. 11 (1999).
        """
        return left_out(self._local(), values.detach()).to(values.dtype)

    def outside(self, x: Float[Tensor, "B D"]) -> int:
        """The number of points outside of the box of the nodes and of every patch: there, polynomials extrapolate."""
        beyond = ((x < self.nodes.amin(dim=0)) | (x > self.nodes.amax(dim=0))).any(dim=1)
        return self._local().patches.outside(x[beyond].detach().double().cpu().numpy()) if beyond.any() else 0

    def _applied(self, x: Tensor, ops: Sequence[Operator], values: Tensor) -> Tensor:
        if not ops:
            return x.new_zeros((len(x), values.shape[1], 0))
        sums = [terms_of(op, self.in_features) for op in self._fitting(x, ops)]
        indices = list(dict.fromkeys(index for terms in sums for index in terms)) or [()]
        found = derivatives(x, values, Asked(self._local(), indices))
        results = []
        for terms in sums:
            result = torch.zeros_like(found[..., 0])
            for index, c in terms.items():
                result = result + (c[:, None] if isinstance(c, Tensor) else c) * found[..., indices.index(index)]
            results.append(result)
        return torch.stack(results, dim=-1)

    def _fitting(self, x: Tensor, ops: Sequence[Operator]) -> list[Operator]:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"The points must have shape (B, {self.in_features}), but got {tuple(x.shape)}.")
        if x.dtype != self.nodes.dtype:
            raise InputError(
                f"The points are {x.dtype} and the network {self.nodes.dtype}; convert one, as by x.to(network.nodes)."
            )
        require_smooth(self.kernel, ops)
        require_smooth(BUMP, ops)
        return [op.over(x.shape[0], self.in_features) for op in ops]

    def _local(self) -> LocalSums:
        """Patches and sums of the nodes as they are now: a state that was loaded may have brought others."""
        version = 0 if self.nodes.is_inference() else self.nodes._version
        if self._sums is None or self._of is None or self._of[0] is not self.nodes or self._of[1] != version:
            patches = Patches(self.nodes.detach().double().cpu().numpy(), self.neighbors)
            # Polyharmonic interpolants are the same for any shape parameter; this one takes distances to about 1.
            shaped = not isinstance(self.kernel, Polyharmonic)
            epsilon = self.relative_epsilon / patches.spacing() if shaped else 1.0 / patches.radius
            basis = LocalBasis(self.kernel, self.degree, self.in_features)
            self._sums, self._of = LocalSums(self.nodes, patches, basis, torch.from_numpy(epsilon)), (self.nodes, version)
        return self._sums

    def _degree(self, degree: int | None, count: int) -> int:
        least = (self.kernel.order or 0) - 1
        dims = self.in_features
        if degree is None:
            wanted = DEGREES.get(dims, 2)
            while wanted > max(least, 0) and num_terms(dims, wanted) > min(TERMS, count):
                wanted -= 1
            degree = max(wanted, least)
        given = number(degree)
        if not isinstance(given, int) or given < -1:
            raise InputError(f"degree must be -1 (no polynomials), 0, 1, ..., but got {degree!r}.")
        if given < least:
            raise InputError(f"{self.kernel} needs polynomials of degree {least} at least, but got degree {given}.")
        if (terms := num_terms(dims, given)) > count:
            raise InputError(
                f"Polynomials of degree {given} in {dims} dimensions have {terms} terms, more than the {count} nodes; use at "
                f"least {terms} nodes."
            )
        return given

    def _neighbors(self, neighbors: int | None, count: int) -> int:
        terms = num_terms(self.in_features, self.degree)
        if neighbors is None:
            return min(count, max(2 * terms, 2 * self.in_features + 1))
        given = int(positive("neighbors", neighbors, whole=True))
        if given < terms:
            raise InputError(
                f"neighbors must be at least {terms}, the number of terms of a polynomial of degree {self.degree}, not {given}."
            )
        return min(given, count)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, nodes={len(self.nodes)}, neighbors={self.neighbors}, degree={self.degree}"


def _checked(nodes: object, dims: int) -> Tensor:
    if not isinstance(nodes, Tensor) or nodes.ndim != 2 or nodes.shape[1] != dims or not len(nodes):
        got = tuple(nodes.shape) if isinstance(nodes, Tensor) else type(nodes).__name__
        raise InputError(f"The nodes must be a tensor (N, {dims}), but got {got}.")
    if not torch.isfinite(nodes).all():
        raise InputError("The nodes must be finite, but some are NaN or infinite.")
    # By columns: to sort whole rows takes ten times as long.
    values = nodes.detach().cpu().numpy()
    values = values[np.lexsort(values.T)]
    same = int((values[1:] == values[:-1]).all(axis=1).sum())
    if same:
        raise InputError(
            f"The nodes must be distinct, but only {len(nodes) - same} of {len(nodes)} are; merge those that coincide."
        )
    return nodes
