"""Claims of zoos about their models: catalogue, loader, selection and ranking.

``data`` holds the facts, built by ``tools/build_claims.py`` and never edited by hand;
``catalogue`` reads them, ``selection`` chooses the claims of a comparison, ``discrepancies`` ranks
architectures by the differences between them, ``ranking`` converts the ranking for a report. May
import ``results`` and the leaves.
"""
