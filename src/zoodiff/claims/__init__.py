"""Claims of zoos about their models: catalogue, loader, selection and ranking.

``data`` holds the facts, built by ``tools/build_claims.py`` and never edited by hand;
``catalogue`` reads them, ``selection`` says which claims a comparison takes, ``discrepancies``
lists what the taken claims disagree about, ``ranking`` puts it in the form of a report. May import
``results`` and the leaves.
"""
