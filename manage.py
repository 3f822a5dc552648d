#!/usr/bin/env python
"""Switchyard's command line. Without ENV it works on this machine's local copy; production has to be named."""

import os
import sys

from django.core.management import execute_from_command_line

from app.env import select_settings

if __name__ == "__main__":
    select_settings(os.environ, default="local")
    os.environ.setdefault("STATEMENT_TIMEOUT", "0")  # a migration may take its time, a request may not
    execute_from_command_line(sys.argv)
