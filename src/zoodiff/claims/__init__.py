"""Claims of zoos about their models: catalogue, loader, selection and ranking.

``data`` holds the facts, built by ``tools/build_claims.py`` and ``tools/build_claim_tables.py`` and
never edited by hand; ``catalogue`` reads the claims about accuracy and size, ``columns`` the larger
tables, of which ``times``, ``test_sets`` and ``recipes`` make typed rows. ``selection`` chooses the
claims of a comparison, ``discrepancies`` ranks architectures by the differences between them,
``ranking`` converts the ranking for a report, ``machines`` compares the order of networks on two
machines. May import ``stats``, ``results`` and the leaves.
"""
