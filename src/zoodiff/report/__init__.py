"""Reports of a study: HTML, Markdown, CSV and JSON, each rendered from one ``StudyResult``.

May import ``study`` and everything below; computes no result. ``page`` formats the result once for
both templates, and ``tables`` returns the same discrepancies as data.
"""

from zoodiff.report.files import ReportFiles, write

__all__ = ["ReportFiles", "write"]
