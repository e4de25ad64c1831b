"""Runs the preprocessing code of a zoo itself in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.errors import MeasurementError, WeightsUnavailableError, ZoodiffError
from zoodiff.workers import messages

if TYPE_CHECKING:
    from zoodiff.workers.inside.arrays import WorkerArrays
    from zoodiff.zoos.base import Backend


def recipes(backend: Backend, request: messages.Recipes) -> messages.OwnRecipes:
    """Return the zoo's own preprocessings of weights; none if it has no code for them."""
    from zoodiff.zoos.base import HasRecipes

    failed, absent = dict[str, str](), dict[str, str]()
    if not isinstance(backend, HasRecipes):
        return messages.OwnRecipes([[] for _ in request.models], failed, absent)
    by_weights: list[list[messages.Recipe]] = []
    for model, weights in zip(request.models, request.weights, strict=True):
        own: list[messages.Recipe] = []
        try:
            for recipe in backend.recipes(model, weights):
                spec = recipe.preprocessing
                stated = None if spec is None else spec.to_dict()
                words, takes, layout = recipe.words, recipe.takes, recipe.layout
                own.append(
                    messages.Recipe(words, takes, layout, recipe.processor, preprocessing=stated)
                )
        except WeightsUnavailableError as error:
            absent[str(len(by_weights))] = str(error)
        except ZoodiffError as error:
            failed[str(len(by_weights))] = str(error)
        by_weights.append(own)
    return messages.OwnRecipes(by_weights, failed, absent)


def prepare(backend: Backend, arrays: WorkerArrays, request: messages.Prepare) -> messages.Outputs:
    """Return the input that the zoo's own code makes of one image."""
    import numpy as np

    from zoodiff.zoos.base import HasRecipes

    if not isinstance(backend, HasRecipes):
        raise MeasurementError("this zoo has no code of its own that prepares images")
    image = arrays.get(request.image)
    taken = image.tobytes() if image.ndim == 1 else np.array(image)
    try:
        prepared = backend.prepared(request.model, request.weights, request.processor, taken)
    except (ZoodiffError, MemoryError):
        raise
    except Exception as error:  # the zoo's own code raises what it likes
        reason = " ".join(str(error).split())[:160] or "without a reason"
        raise MeasurementError(f"the zoo's own code fails ({reason})") from error
    return messages.Outputs(messages.Array(arrays.put(np.asarray(prepared, dtype=np.float32))))
