"""The conformance suite for kernels of your own::

    from rbfnet.testing import check_kernel

    def test_bump():
        check_kernel(Bump())

An AssertionError says what a kernel does not keep.
"""

from rbfnet.testing._check_kernel import check_kernel

__all__ = ["check_kernel"]
