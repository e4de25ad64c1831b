"""Files of the Hugging Face hub, fetched once into its own cache."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

SECONDS = 5.0
"""How long the hub may be silent before a file counts as not to be had."""


def fetch(repository: str, name: str) -> Path:
    """Return a file of a repository from the hub's cache, downloaded where it is not there yet.

    Raises the many kinds of errors of the hub's client, ``EntryNotFoundError`` among them.
    """
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", str(int(SECONDS)))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub

    download = partial(huggingface_hub.hf_hub_download, repo_id=repository, filename=name)
    try:
        return Path(download(local_files_only=True))
    except FileNotFoundError:
        # Asked once, without the retries that the download spends half a minute on.
        url = huggingface_hub.hf_hub_url(repository, name)
        huggingface_hub.get_hf_file_metadata(url, timeout=SECONDS)
        return Path(download(etag_timeout=SECONDS))
