"""The deciding engine: pure, total, typed. Knows no framework, no I/O and no clock."""
