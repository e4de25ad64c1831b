"""Model Garden's own preprocessing beside the specification; run in its environment.

python tfmg_originals.py FOLDER      writes JSON: images that are the same, and those that are not
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos.tfmg.catalogue import ZOO
from zoodiff.zoos.tfmg.preprocessing import prepare


def main() -> None:
    found = {}
    for model in ZOO.models():
        if model.name not in {"resnet_50", "slim/inception_v3", "slim/vgg_16"}:
            continue
        own = model.default_weights.preprocessing if model.default_weights else None
        spec = own or model.preprocessing
        result = {"same": 0, "different": []}
        for path in sorted(Path(sys.argv[1]).iterdir()):
            data = path.read_bytes()
            decoded = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
            if min(decoded.shape[:2]) < 2 and model.name == "resnet_50":
                continue  # Model Garden crops it to nothing
            original = prepare(decoded[None], spec, model.name)[0]
            mine = to_input(np.stack(pixels(data, [geometry_of(spec)])), spec, "NHWC")[0]
            if np.array_equal(original, mine):
                result["same"] += 1
            else:
                result["different"].append(path.name)
        found[model.name] = result
    print(json.dumps(found))


if __name__ == "__main__":
    main()
