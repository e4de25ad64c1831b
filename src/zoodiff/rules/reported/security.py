"""Files that are refused before they are loaded, since loading could do harm (SEC101 to SEC122)."""

from __future__ import annotations

from zoodiff.rules.rule import Rule

_TRUST = (
    "Ask the author of the file for safetensors, ONNX or a checkpoint that holds tensors only. If "
    "you load and save it yourself, do it on a machine that you can throw away."
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
    consequence="Whoever loads it runs what its author wrote, with the rights of whoever loads it.",
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
    cause="A pickle breaks off, is nested or stacked in a way that tools read differently, or lies "
    "in an old tar archive or in an array of objects.",
    consequence="Nobody can say what it does before it does it: a pickle runs up to the place "
    "where it breaks.",
    advice=_TRUST,
    references=(f"CWE-502, deserialization of untrusted data, {_CWE}/502.html",),
    raised_by=_RAISED_BY,
)
CODE = Rule(
    code="SEC103",
    name="code without permission",
    effect="safety",
    cause="The format carries code: TorchScript, or Python in a Keras Lambda layer.",
    consequence="The code would run in the worker. It has no network there and cannot write, but "
    "it may compute anything.",
    advice="If you trust the author of the file, allow its code with --allow-code FILE. The "
    "permission holds for this very content. In a study, write its hash into allow_code.",
    references=(f"CWE-94, improper control of generation of code, {_CWE}/94.html",),
    raised_by=_RAISED_BY,
)
OPERATORS = Rule(
    code="SEC104",
    name="operators that reach beyond",
    effect="safety",
    cause="The network has operators that read or write files, run Python or commands, talk to a "
    "network, wait for others or load libraries, or that zoodiff does not know.",
    consequence="Running the network would do these things. Reading a file is enough to give it "
    "away in an output.",
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
    cause="The file takes weights or other data from elsewhere: an absolute path, a path that "
    "climbs out of its folder, a link, a device, or external links and storage of HDF5.",
    consequence="What is read there becomes part of the network and can be read off its outputs.",
    advice="Put the data beside the file under a plain name. Copy it instead of linking.",
    references=(
        f"CWE-22, path traversal, {_CWE}/22.html",
        "ONNX, external data, https://onnx.ai/onnx/repo-docs/ExternalData.html",
    ),
    raised_by=_RAISED_BY,
)
PLACES = Rule(
    code="SEC111",
    name="places that are not there",
    effect="safety",
    cause="The file says that its parts lie beyond its end, over each other, or in counts that it "
    "cannot hold.",
    consequence="Readers that trust such numbers read memory that is not theirs, or allocate "
    "whatever they are told.",
    advice="Fetch the file again and compare its hash. If it stays so, it was made on purpose.",
    references=(f"CWE-125, out-of-bounds read, {_CWE}/125.html",),
    raised_by=_RAISED_BY,
)
NAMES = Rule(
    code="SEC120",
    name="names that climb",
    effect="safety",
    cause="An archive holds members whose names are absolute, climb out by .., or are there twice, "
    "or that are links or devices.",
    consequence="Unpacking it writes over files elsewhere, and two readers may see two contents.",
    advice="Pack it anew from a folder.",
    references=(f"CWE-22, path traversal, {_CWE}/22.html",),
    raised_by=_UNPACKED,
)
ARCHIVE_EXPLODES = Rule(
    code="SEC121",
    name="archive that explodes",
    effect="safety",
    cause="An archive, a compressed array or an image grows out of all proportion when it is "
    "unpacked: by its ratio, its sum, or overlapping or nested members.",
    consequence="Unpacking it would fill memory or disk.",
    advice="If it is honest, store its members without compression.",
    references=(
        f"CWE-409, improper handling of highly compressed data, {_CWE}/409.html",
        "D. Fifield, A better zip bomb, WOOT 2019",
    ),
    raised_by=_UNPACKED,
)
TENSOR_EXPLODES = Rule(
    code="SEC122",
    name="tensor that explodes",
    effect="safety",
    cause="The file declares, in a few bytes, tensors or graphs of a size that no network has.",
    consequence="Allocating them would fill the memory of the machine.",
    advice="Check the exporter: a network of this size needs a file of this size.",
    references=(f"CWE-789, memory allocation with excessive size value, {_CWE}/789.html",),
    raised_by=_RAISED_BY,
)
