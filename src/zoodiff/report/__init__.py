"""Reports of a study: HTML, Markdown, CSV and JSON, each rendered from one ``StudyResult``.

May import ``study`` and everything below; computes nothing itself. ``page`` prints the result
once, the templates only lay it out, and ``tables`` gives the same discrepancies as data.
"""

from zoodiff.report.files import ReportFiles, write

__all__ = ["ReportFiles", "write"]
