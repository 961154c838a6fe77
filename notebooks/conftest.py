"""Notebooks take some seconds each: `pytest -m slow` runs them."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them as slow."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("slow")
