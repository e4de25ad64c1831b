"""Rules about files that are not loaded, since they could do more than be measured.

They are raised where a file is looked at (``zoodiff.zoos.look``), not found by comparing.
"""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from zoodiff.errors import RefusedError
from zoodiff.rules.base import Rule, register

_TRUST = (
    "Ask whoever made the file for safetensors, ONNX or a checkpoint of tensors alone; load and "
    "save it yourself only on a machine that you can throw away."
)

for code, name, cause, consequence, advice in (
    (
        "SEC101",
        "pickle that calls",
        "A pickle is a program for a small machine that may import and call anything. This one "
        "names something beside tensors, containers and numbers, such as os.system or eval.",
        "Whoever loads it runs what its author wrote, with the rights of who loads it.",
        _TRUST,
    ),
    (
        "SEC102",
        "pickle that cannot be followed",
        "A pickle breaks off, is nested or stacked in a way that tools read differently, lies in "
        "an old tar archive, or in an array of objects.",
        "What it does cannot be said before it is done; a pickle runs up to the place where it "
        "breaks.",
        _TRUST,
    ),
    (
        "SEC103",
        "code without permission",
        "The format carries code: TorchScript, Python in a Keras Lambda layer.",
        "The code would run in the worker, which has no network and cannot write, but it may "
        "compute anything.",
        "If you trust who made the file, allow its code with --allow-code FILE; the permission "
        "holds for this very content. In a study, write its hash into allow_code.",
    ),
    (
        "SEC104",
        "operators that reach beyond",
        "The network has operators that read or write files, run Python or commands, talk to a "
        "network, wait for others or load libraries, or that zoodiff does not know.",
        "Running the network would do these things; reading a file is enough to give it away in "
        "an output.",
        "A network for inference needs none of them: export it without its input pipeline and "
        "tables.",
    ),
    (
        "SEC105",
        "classes of strangers",
        "The configuration names classes, functions or modules of packages other than the "
        "framework's own, or of the framework's that fetch, run or read something.",
        "The loader would import them, and importing is running.",
        "Build the network by the code that defines its classes and export it to ONNX, or replace "
        "them by layers of the framework.",
    ),
    (
        "SEC106",
        "expressions that are evaluated",
        "A program of torch.export holds symbolic shapes as text, which the loader evaluates as "
        "Python; this text is more than arithmetic.",
        "Loading the file would run the text.",
        _TRUST,
    ),
    (
        "SEC110",
        "data outside the file",
        "The file takes weights or other data from elsewhere: an absolute path, a path that climbs "
        "out of its folder, a link, a device, HDF5's external links and storage.",
        "What is read there becomes part of the network and can be read off its outputs.",
        "Put the data beside the file under a plain name; copy instead of linking.",
    ),
    (
        "SEC111",
        "places that are not there",
        "The file says of its parts that they lie beyond its end, over each other, or in counts "
        "that it cannot hold.",
        "Readers that trust such numbers read memory that is not theirs, or allocate what they "
        "are told.",
        "Fetch the file again and compare its hash; if it stays so, it was made to be so.",
    ),
    (
        "SEC120",
        "names that climb",
        "An archive holds members whose names are absolute, climb out by .., are there twice, "
        "or are links or devices.",
        "Unpacking it writes over files elsewhere, and two readers may see two contents.",
        "Pack it anew from a folder.",
    ),
    (
        "SEC121",
        "archive that explodes",
        "An archive, a compressed array or an image grows out of all proportion when it is "
        "unpacked: by its ratio, its sum, overlapping or nested members.",
        "Unpacking it would fill memory or disk.",
        "If it is honest, store its members without compression.",
    ),
    (
        "SEC122",
        "tensor that explodes",
        "The file declares tensors or graphs of a size that no network has, in a few bytes.",
        "Allocating them would fill the memory of the machine.",
        "Check the exporter; a network of this size needs a file of this size.",
    ),
):
    register(Rule(code, name, "safety", cause, consequence, advice))


def climbs(name: str) -> bool:
    """Whether a path is absolute or climbs out of its folder, on any operating system.

    >>> climbs("a/b.bin"), climbs("../b.bin"), climbs("/b.bin"), climbs("C:b.bin")
    (False, True, True, True)
    """
    windows = PureWindowsPath(name)
    return bool(
        windows.drive
        or "\\" in name
        or "\0" in name
        or PurePosixPath(name).is_absolute()
        or ".." in windows.parts
    )


def refusal(code: str, sentence: str) -> RefusedError:
    """The error of a rule: its code, and one sentence that names the file and the reason."""
    return RefusedError(f"{code}: {sentence}")
