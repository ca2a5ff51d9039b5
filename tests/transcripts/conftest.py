"""The protocol that drivers are held to."""

from tests.drivers.conftest import transcript

__all__ = ["transcript"]
