"""What was known last, on the disk of this host: what a process starts from while the database is away."""

from decisions.lastgood.keeper import LastGood

__all__ = ["LastGood"]
