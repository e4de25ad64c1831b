"""What zoos publish about their models: the catalogue, its loader, selection and ranking.

``data`` holds the facts, built by ``tools/build_claims.py`` and never edited by hand;
``catalogue`` reads them, ``selection`` says which claims a comparison takes, ``discrepancies``
ranks what the taken claims disagree about. Nothing here imports more than the standard library.
"""
