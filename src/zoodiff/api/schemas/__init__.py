"""JSON schemas of what commands print with ``--json``.

``documents.py`` lists the documents, ``generation.py`` derives their schemas from the types of the
results; ``listed.py``, ``compared.py`` and ``measured.py`` declare the objects that results build
by hand. Imports the types of results; nothing imports these modules but ``zoodiff schema``.
"""
