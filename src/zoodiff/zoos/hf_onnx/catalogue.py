"""The catalogue side of ``hf-onnx``: opens a repository of the Hub, or a folder laid out like one.

References are ``hf-onnx:owner/model@revision/variant`` and ``hf-onnx:./folder@variant``. The
revision may be left out (``main``), and so may the variant (single precision). An entry's own
reference names the commit, so that it means the same for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.bounded import files as bounded
from zoodiff.data.labels import UNKNOWN
from zoodiff.entry import RANDOM, ModelRef, did_you_mean, meant
from zoodiff.errors import MeasurementError, UnknownNameError, UsageError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Entry, Model, Weights, WorkerSpec
from zoodiff.zoos.files import formats
from zoodiff.zoos.hf_onnx import labels
from zoodiff.zoos.hf_onnx.layout import variants
from zoodiff.zoos.names.resolver import canonical_name
from zoodiff.zoos.stored import folder
from zoodiff.zoos.stored.entry import StoredFile, StoredFileEntry
from zoodiff.zoos.stored.hub import HubFile, Repository, is_commit, is_repository
from zoodiff.zoos.stored.revisions import at_revision

_RECIPE = "preprocessor_config.json"
_PATHS = (".", "/", "~")
"""How the path of a folder begins; anything else is a repository."""


@dataclass(frozen=True)
class _Contents:
    """The files of a repository or folder, and how to read and name them."""

    files: Sequence[str]
    path: Callable[[str], Path]
    """Returns the path of a file, fetched if need be."""
    stored: Callable[[str], StoredFile]
    prefix: str
    """What stands before a variant in the names of weights: the commit, or nothing."""
    remote: bool


@dataclass
class HfOnnxZoo:
    """Repositories with several ONNX variants of one network; none are listed."""

    name: str = "hf-onnx"
    title: str = "ONNX variants on the Hugging Face Hub"
    worker: WorkerSpec = formats.ONNX.worker
    listed: bool = False

    def models(self) -> Sequence[Model]:
        """Return no models: repositories are named, not listed."""
        return ()

    def unlisted(self, reference: ModelRef) -> Entry:
        """Return the entry of a repository or folder, of one variant.

        Raises UnknownNameError for a variant that is not there, MeasurementError if the hub cannot
        be reached or there are no ONNX files.
        """
        if reference.model.startswith(_PATHS):
            contents, variant = _of_folder(reference.model), reference.weights
        else:
            contents, variant = _of_hub(reference)
        by_variant = variants(contents.files)
        if not by_variant:
            raise MeasurementError(
                f"{self.name}:{reference.model} has no ONNX files named model.onnx, model_q4.onnx "
                "and the like, in its folder onnx or at its top"
            )
        random = variant == RANDOM
        chosen = next(iter(by_variant)) if variant is None or random else variant
        known = meant(chosen, by_variant)
        if known is None:
            hint = did_you_mean(chosen, by_variant) or f"; there are {', '.join(by_variant)}"
            raise UnknownNameError(f'{self.name}:{reference.model} has no variant "{chosen}"{hint}')
        model, definition = _model(reference.model, contents, by_variant)
        weights = next(w for w in model.weights if w.name == f"{contents.prefix}{known}")
        return StoredFileEntry(
            self,
            model,
            None if random else weights,
            source=contents.stored(by_variant[known]),
            format="onnx",
            definition=definition,
            extent=_extent(model.preprocessing),
        )


def _of_folder(path: str) -> _Contents:
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UnknownNameError(f"there is no folder {path}")
    root = root.resolve()
    names = [
        name for pattern in ("*.onnx", "onnx/*.onnx") for name in folder.matching(root, pattern)
    ]
    configurations = [name for name in (labels.FILE, _RECIPE) if (root / name).is_file()]
    return _Contents(
        [*configurations, *names],
        lambda name: folder.FolderFile(root, name).path(),
        lambda name: folder.FolderFile(root, name),
        prefix="",
        remote=False,
    )


def _of_hub(reference: ModelRef) -> tuple[_Contents, str | None]:
    """Return the files of a repository at the commit of a reference, and the variant."""
    name = reference.model
    if not is_repository(name):
        raise UsageError(
            f'"{name}" is no repository of the Hub and no path; write owner/model, or ./folder'
        )
    revision, variant = _parts(reference.weights)
    repository: Repository = at_revision(name, revision)
    contents = _Contents(
        repository.files(),
        repository.fetch,
        lambda file: HubFile(repository, file),
        prefix=f"{repository.commit}/",
        remote=True,
    )
    return contents, variant


def _parts(weights: str | None) -> tuple[str | None, str | None]:
    """Return revision and variant of the text behind the @; a single word is a variant.

    >>> _parts("main/q8"), _parts("q8"), _parts("refs/pr/3/q8")
    (('main', 'q8'), (None, 'q8'), ('refs/pr/3', 'q8'))
    """
    if weights is None:
        return None, None
    revision, slash, variant = weights.rpartition("/")
    if slash:
        return revision, variant or None
    return (weights, None) if is_commit(weights) else (None, weights)


def _model(name: str, contents: _Contents, by_variant: Mapping[str, str]) -> tuple[Model, str]:
    """Return the model of a repository, and the SHA-256 of its configurations."""
    from zoodiff.zoos.hf import image_processor  # pydantic, which a listing does not need

    digest = hashlib.sha256()
    config = _read(contents, labels.FILE, digest.update)
    recipe = _read(contents, _RECIPE, digest.update)
    space = UNKNOWN if config is None else labels.label_space(config)
    size = None if config is None else labels.image_size(config)
    preprocessing = Preprocessing()
    if recipe is not None:
        kind = None if config is None else config.get("model_type")
        preprocessing = image_processor.specification(
            recipe, model_type=kind if isinstance(kind, str) else None
        )
    rows, columns = preprocessing.input_size or size or (224, 224)
    stem = Path(name).expanduser().resolve().name if name.startswith(_PATHS) else name
    stem = stem.rpartition("/")[2]
    plain = stem[: -len("-onnx")] if stem.lower().endswith("-onnx") else stem
    missing = [file for file in (labels.FILE, _RECIPE) if file not in contents.files]
    weights = tuple(
        Weights(f"{contents.prefix}{variant}", default=number == 0)
        for number, variant in enumerate(by_variant)
    )
    files = (contents.stored(file) for file in by_variant.values())
    model = Model(
        name=name,
        architecture=canonical_name(plain) or plain.lower(),
        weights=weights,
        preprocessing=preprocessing,
        labels=space,
        input_shape=(3, rows, columns),
        note=f"without {' and '.join(missing)}" if missing else None,
        needs_file=contents.remote and any(file.local() is None for file in files),
    )
    return model, digest.hexdigest()


def _read(
    contents: _Contents, name: str, update: Callable[[bytes], object]
) -> Mapping[str, Any] | None:
    """Return the object in a configuration; None if there is none.

    Raises UsageError for a file that is no JSON object, and as fetching does.
    """
    if name not in contents.files:
        return None
    from zoodiff.zoos.hf import image_processor

    path = contents.path(name)
    try:
        content = bounded.read_bytes(path, image_processor.LARGEST, follow=False)
    except OSError as error:
        raise UsageError(f"cannot read {path} ({error.strerror})") from None
    raw = image_processor.parse(content, str(path))
    update(content)
    return raw


def _extent(preprocessing: Preprocessing) -> int | None:
    size = preprocessing.input_size
    return size[0] if size is not None and size[0] == size[1] else None


ZOO = HfOnnxZoo()
