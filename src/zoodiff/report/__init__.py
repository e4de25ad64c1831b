"""Reports of a study: HTML, Markdown, CSV and JSON, each made from one ``StudyResult``.

May import ``compare`` and everything below; computes nothing itself.
"""
