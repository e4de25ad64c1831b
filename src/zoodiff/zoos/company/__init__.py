"""Zoos of companies, each described by one TOML file over a folder, a bucket or the Hub.

``definition`` reads the file, ``places`` finds the model files, ``catalogue`` makes a zoo of both,
``registered`` knows which files were added here, ``claims`` gives what their owners claim. May
import ``zoos.stored`` and ``zoos.files``, and no framework.
Importing this package is cheap; pydantic is imported to read a file.
"""

from zoodiff.zoos.company.catalogue import CompanyZoo
from zoodiff.zoos.company.registered import add, registered, remove

__all__ = ["CompanyZoo", "add", "registered", "remove"]
