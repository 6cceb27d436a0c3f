"""The HTML report: one file that opens from a disk without a network. With more than 50,000 findings, their names, tags
and evidence are in files beside it, which the page loads when they are shown.

The most important facts (completeness, score, changes, what to fix first) are part of the page's HTML, so they show
without JavaScript and in print. The findings are JSON in the page; a script lists, filters and opens them. Names and
tags come from AWS and may contain anything: the templates escape them, the script adds them as text, and the page's
Content-Security-Policy allows only the page's own script.
"""
from __future__ import annotations

from .page import pieces
from .side_files import side_files

__all__ = ["pieces", "side_files"]
