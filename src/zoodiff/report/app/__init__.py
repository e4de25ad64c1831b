"""The data of the report's page: one JSON document, which the scripts of ``assets/app`` draw.

``facts`` defines its fields, ``document`` fills them from a ``StudyResult``, ``encode`` writes
them. May import ``study`` and everything below; computes no result.
"""
