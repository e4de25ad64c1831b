"""Reports of a study: HTML, Markdown, CSV and JSON, each rendered from one ``StudyResult``.

May import ``picture`` and everything below; computes no result. ``page`` formats the result once
for both templates, from ``sections`` that word values by ``words`` and draw them by ``charts``;
``app`` is the data of the page's scripts, and ``exports`` returns the same discrepancies as data.
"""

from zoodiff.report.files import ReportFiles, write

__all__ = ["ReportFiles", "write"]
