"""Files that are refused before they are loaded, since loading could do harm (SEC101 to SEC122)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

_TRUST = (
    "Ask the author of the file for safetensors, ONNX or a checkpoint that holds tensors only. If "
    "you load and save it yourself, do it on a disposable machine."
)
_RAISED_BY = "every command that opens a model file"
_UNPACKED = "every command that opens a model file or a data set"
_CWE = "https://cwe.mitre.org/data/definitions"

PICKLE_CALLS = Rule(
    code="SEC101",
    name="pickle that calls",
    effect="safety",
    cause="A pickle is a program for a small machine, which may import and call anything. This one "
    "names something besides tensors, containers and numbers, such as os.system or eval.",
    consequence="Loading the file runs its author's code with your rights.",
    advice=_TRUST,
    references=(
        f"CWE-502, deserialization of untrusted data, {_CWE}/502.html",
        "Python, pickle, https://docs.python.org/3/library/pickle.html",
    ),
    raised_by=_RAISED_BY,
)
PICKLE_UNREADABLE = Rule(
    code="SEC102",
    name="pickle that cannot be followed",
    effect="safety",
    cause="A pickle is truncated, nested or stacked in a way that tools read differently, or is "
    "part of an old tar archive or an array of objects.",
    consequence="Its effect is unknown before it runs, and a truncated pickle runs up to its end.",
    advice=_TRUST,
    references=(f"CWE-502, deserialization of untrusted data, {_CWE}/502.html",),
    raised_by=_RAISED_BY,
)
CODE = Rule(
    code="SEC103",
    name="code without permission",
    effect="safety",
    cause="The format carries code: TorchScript, Python in a Keras Lambda layer, a pickle of "
    "weights in a folder of the zoo hf, Python that a config.json names, or a hubconf.py.",
    consequence="The code would run in the worker. It has no network there and cannot write, but "
    "it may compute anything.",
    advice="If you trust the author of the file, allow its code with --allow-code FILE. The "
    "permission holds for this content only. In a study, write its hash into allow_code. Python "
    "that a config.json names is never run.",
    references=(f"CWE-94, improper control of generation of code, {_CWE}/94.html",),
    raised_by=_RAISED_BY,
)
OPERATORS = Rule(
    code="SEC104",
    name="operators with side effects",
    effect="safety",
    cause="The network has operators that read or write files, run Python or commands, talk to a "
    "network, wait for others or load libraries, or that zoodiff does not know.",
    consequence="Running the network would do these things. An output can reveal the content of a "
    "file that was read.",
    advice="A network for inference needs none of them: export it without its input pipeline and "
    "tables.",
    references=(
        "TensorFlow, Using TensorFlow securely, "
        "https://github.com/tensorflow/tensorflow/blob/master/SECURITY.md",
    ),
    raised_by=_RAISED_BY,
)
CLASSES = Rule(
    code="SEC105",
    name="classes outside the framework",
    effect="safety",
    cause="The configuration names classes, functions or modules of packages other than the "
    "framework's own, or parts of the framework that fetch, run or read something.",
    consequence="The loader would import them, and an import runs code.",
    advice="Build the network with the code that defines its classes and export it to ONNX, or "
    "replace them by layers of the framework.",
    references=(f"CWE-470, use of externally-controlled input to select classes, {_CWE}/470.html",),
    raised_by=_RAISED_BY,
)
EXPRESSIONS = Rule(
    code="SEC106",
    name="expressions that are evaluated",
    effect="safety",
    cause="A program of torch.export holds symbolic shapes as text, which the loader evaluates as "
    "Python. This text is more than arithmetic.",
    consequence="Loading the file would run the text.",
    advice=_TRUST,
    references=(
        f"CWE-95, improper neutralization of directives in evaluated code, {_CWE}/95.html",
    ),
    raised_by=_RAISED_BY,
)
OUTSIDE = Rule(
    code="SEC110",
    name="data outside the file",
    effect="safety",
    cause="The file refers to data elsewhere: by an absolute path, a path out of its folder, a "
    "link, a device, or external links and storage of HDF5.",
    consequence="The data becomes part of the network and can be recovered from its outputs.",
    advice="Copy the data into the folder of the file, under a plain name.",
    references=(
        f"CWE-22, path traversal, {_CWE}/22.html",
        "ONNX, external data, https://onnx.ai/onnx/repo-docs/ExternalData.html",
    ),
    raised_by=_RAISED_BY,
)
PLACES = Rule(
    code="SEC111",
    name="invalid offsets",
    effect="safety",
    cause="The file declares parts beyond its end, overlapping parts, or more parts than it can "
    "hold.",
    consequence="Readers that trust such numbers read foreign memory or allocate any amount.",
    advice="Download the file again and compare its hash. If it is unchanged, it was made on "
    "purpose.",
    references=(f"CWE-125, out-of-bounds read, {_CWE}/125.html",),
    raised_by=_RAISED_BY,
)
NAMES = Rule(
    code="SEC120",
    name="path traversal in an archive",
    effect="safety",
    cause="An archive has members with absolute names, names with .., duplicate names, links or "
    "devices.",
    consequence="Unpacking it overwrites files elsewhere, and two readers may see different "
    "contents.",
    advice="Pack the archive again from a folder.",
    references=(f"CWE-22, path traversal, {_CWE}/22.html",),
    raised_by=_UNPACKED,
)
ARCHIVE_EXPLODES = Rule(
    code="SEC121",
    name="decompression bomb",
    effect="safety",
    cause="An archive, a compressed array or an image is far larger when unpacked: by its ratio, "
    "its total size, or overlapping or nested members.",
    consequence="Unpacking it would fill memory or disk.",
    advice="If you trust the file, store its members without compression.",
    references=(
        f"CWE-409, improper handling of highly compressed data, {_CWE}/409.html",
        "D. Fifield, A better zip bomb, WOOT 2019",
    ),
    raised_by=_UNPACKED,
)
TENSOR_EXPLODES = Rule(
    code="SEC122",
    name="implausible tensor size",
    effect="safety",
    cause="The file declares, in a few bytes, tensors or graphs of a size that no network has.",
    consequence="Allocating them would fill the memory of the machine.",
    advice="Check the exporter: a network of this size needs a file of this size.",
    references=(f"CWE-789, memory allocation with excessive size value, {_CWE}/789.html",),
    raised_by=_RAISED_BY,
)
