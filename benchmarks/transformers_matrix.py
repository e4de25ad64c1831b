"""Ask zoodiff about small random networks of transformers' architectures and their exports.

    python -m benchmarks.transformers_matrix FILE [--only bert,gpt2] [--limit 20] [--seconds 300]

Each architecture of ``transformers`` whose base model builds from a small configuration is written
by ``torch.export`` and both ONNX exporters. The network in Python is compared with each file: the
right answer is "the same function" where the file computes what the network does when it is run
without zoodiff, "different functions" where it does not. A copy of the network with one planted
change is compared with one of the files; the right answer is "different functions". FILE gets one
JSON line per architecture; architectures that it has are not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoodiff.torch_compat import import_torchvision

EXPORTERS = ("torch.export", "dynamo", "torchscript")
STATES = ("right", "wrong", "not decided", "refused", "export failed")
_NAMES = """
    bert vit wav2vec2 clip patchtst gpt2 swin llava llama whisper resnet t5 blip bart convnext
    deberta-v2 hubert detr vision-encoder-decoder albert electra segformer siglip roberta
    audio-spectrogram-transformer deit mistral time_series_transformer paligemma beit gemma speecht5
    bloom dinov2 blip-2 gpt_neox regnet opt wavlm vilt phi poolformer mamba levit visual_bert
    marian sew cvt funnel lxmert xlnet hiera informer unispeech longformer flava focalnet
    big_bird mpnet dpt wav2vec2-conformer bros nystromformer glpn convbert layoutlm fnet yolos
    data2vec-audio squeezebert conditional_detr layoutlmv3 mobilebert deformable_detr reformer
    speech_to_text git patchtsmixer rwkv dab-detr xlm florence2 rf_detr parakeet_encoder mixtral
    falcon maskformer idefics3 codegen mask2former canary gptj gemma3 oneformer gpt_neo mpt
    moonshine mobilenet_v1 aya_vision ctrl mobilenet_v2 openai-gpt decision_transformer
    llava_next clap modernbert pvt_v2 recurrent_gemma internvl swinv2 mamba2 univnet swin2sr
    zamba2 owlvit jamba donut-swin qwen3_next encodec groupvit bit deepseek_v3 gemma3_text
    convnextv2 clipseg llama4_text dac timesfm vit_mae pegasus altclip led vit_msn vits
    prophetnet chinese_clip vitdet m2m_100 videomae mt5 vision-text-dual-encoder seamless_m4t_v2
    longt5 timesformer switch_transformers speech-encoder-decoder vivit umt5 parakeet_ctc
    t5gemma vjepa2 encoder-decoder perceiver canine superpoint wav2vec2-bert roformer
    audioflamingo3 lightglue rembert luke xclip sam unispeech-sat tapas textnet splinter
    metaclip_2 xmod ijepa sew-d yoso tvp pixtral mra
"""
_FIRST = tuple(_NAMES.split())
"""Architectures of all families (text, images, sound, several of them, series), run first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the architectures that the file lacks; print the table of all that it has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="one JSON line per architecture")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--limit", type=int, default=0, help="at most so many are run")
    parser.add_argument("--exporter", action="append", choices=EXPORTERS, help="all by default")
    parser.add_argument("--seconds", type=float, default=300.0, help="for one architecture")
    parser.add_argument("--again", action="store_true", help="run those of --only once more")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    rows = _stored(options.file)
    only = options.only.split(",") if options.only else None
    if not options.table:
        version = _version()
        for name in _chosen(only, rows, again=options.again)[: options.limit or None]:
            row = run_apart(name, options.exporter or EXPORTERS, options.seconds)
            row["version"] = version
            rows[name] = row
            with options.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(_line(row), flush=True)
    chosen = [row for name, row in rows.items() if only is None or name in only]
    print_table(chosen)
    return int(any(v["state"] == "wrong" for row in rows.values() for v in _verdicts(row)))


def _version() -> str:
    """The commit that is asked, with a plus where files differ from it."""
    command = ("git", "describe", "--always", "--exclude=*", "--dirty=+")
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip()


def _stored(file: Path) -> dict[str, dict[str, Any]]:
    """The last row of each architecture; one that took too long hides no answer before it."""
    if not file.exists():
        return {}
    rows: dict[str, dict[str, Any]] = {}
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        if row["state"] != "no time" or row["architecture"] not in rows:
            rows[row["architecture"]] = row
    return rows


def _chosen(
    only: Sequence[str] | None, rows: Mapping[str, Any], *, again: bool = False
) -> list[str]:
    _prepare()
    from benchmarks.small_transformers.networks import architectures

    known = architectures()
    heads = [name for name in known if "/" in name]
    rest = [name for name in known if name not in {*_FIRST, *heads}]
    names = only or [*_FIRST, *heads, *(name for k in range(7) for name in rest[k::7])]
    return [name for name in names if name in known and (again or name not in rows)]


def _prepare() -> None:
    """Import the frameworks once; each architecture gets a copy of this process."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    with contextlib.suppress(ImportError):
        import_torchvision()
    import torch

    torch.set_num_threads(1)
    import transformers
    import transformers.models.auto.modeling_auto

    del transformers
    _warm_up()


def _warm_up() -> None:
    """Ask about one linear layer, so that what exporters and zoodiff import is there for all."""
    import torch
    from benchmarks.small_transformers.answers import judged
    from benchmarks.small_transformers.exports import ExportError, export
    from benchmarks.small_transformers.networks import Sample, plain

    inputs = {"input": torch.randn(2, 4)}
    sample = Sample("linear", plain(torch.nn.Linear(4, 4).eval(), ("input",), {}), inputs, "")
    with tempfile.TemporaryDirectory() as folder:
        for exporter in EXPORTERS:
            with contextlib.suppress(ExportError):
                judged(sample, export(sample, exporter, Path(folder)), same=True)


def run_apart(name: str, exporters: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return what became of an architecture, run in a process of its own for a limited time."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(name, tuple(exporters), send))
    start = time.perf_counter()
    process.start()
    send.close()
    row: dict[str, Any] = {"architecture": name, "state": "no time", "exports": {}}
    try:
        if receive.poll(seconds):
            row = receive.recv()
    except EOFError:
        row |= {"state": "not built", "reason": "its process ended"}
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # with the workers that it started
    process.join()
    row["seconds"] = round(time.perf_counter() - start, 1)
    return row


def _in_process(name: str, exporters: Sequence[str], send: Any) -> None:
    from benchmarks.small_transformers.answers import outcome

    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    for said in (1, 2):  # PyTorch writes there itself, too
        os.dup2(silent, said)
    try:
        row = outcome(name, exporters).to_dict()
    except Exception as error:  # the program goes on with the next
        row = {"architecture": name, "state": "not built", "exports": {}}
        row["reason"] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    send.send(row)


def _verdicts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*row.get("exports", {}).values(), *filter(None, [row.get("planted")])]


def _line(row: Mapping[str, Any]) -> str:
    parts = [f"{name} {v['state']}" for name, v in row.get("exports", {}).items()]
    if row.get("planted"):
        parts.append(f"{row['change']} {row['planted']['state']}")
    return f"{row['architecture']:28} {', '.join(parts) or row['state']} ({row['seconds']:.0f} s)"


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print counts by exporter, counts by architecture, and every answer that is not right."""
    print(f"{'':16}" + "".join(f"{state:>14}" for state in STATES))
    for exporter in (*EXPORTERS, "planted"):
        verdicts = [v for row in rows if (v := _of(row, exporter))]
        counts = Counter(v["state"] for v in verdicts)
        print(f"{exporter:16}" + "".join(f"{counts[state]:>14}" for state in STATES))
    versions = Counter(row["version"] for row in rows if row.get("version"))
    print("versions: " + (", ".join(f"{k} ({n})" for k, n in versions.items()) or "not known"))
    built = [row for row in rows if row["state"] == "built"]
    asked = [row for row in built if any(_answered(v) for v in row["exports"].values())]
    right = [row for row in asked if all(_right(v) for v in row["exports"].values())]
    print(
        f"{len(rows)} architectures, {len(built)} built and run, {len(asked)} exported by at least "
        f"one exporter; all answers right for {len(right)} of these"
    )
    heads = sum("/" in row["architecture"] for row in asked)
    kinds = Counter(_kind(row) for row in asked)
    print(
        f"of the {len(asked)}, {heads} are another's with a head; "
        + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    )
    for row in rows:
        for exporter in (*EXPORTERS, "planted"):
            verdict = _of(row, exporter)
            if verdict and verdict["state"] not in {"right", "export failed"}:
                title = f"{row['architecture']} {exporter}"
                if exporter == "planted":
                    title += f" ({row['change']})"
                print(f"{verdict['state']}: {title}: {verdict['reason'][:300]}")
    for state in ("not built", "no time"):
        names = [row["architecture"] for row in rows if row["state"] == state]
        print(f"{state}: {len(names)}: {', '.join(names)}")


def _kind(row: Mapping[str, Any]) -> str:
    """What an architecture reads: text, images, sound, several of these, or series."""
    names = set(row.get("inputs", {}))
    kinds = [
        kind
        for kind, own in (
            ("text", {"input_ids", "decoder_input_ids"}),
            ("images", {"pixel_values", "visual_feats", "visual_embeds"}),
            ("sound", {"input_values", "input_features"}),
        )
        if own & names
    ]
    return " and ".join(kinds) or "series and others"


def _of(row: Mapping[str, Any], exporter: str) -> Mapping[str, Any] | None:
    if exporter == "planted":
        return row.get("planted")
    verdict: Mapping[str, Any] | None = row.get("exports", {}).get(exporter)
    return verdict


def _answered(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["state"] != "export failed")


def _right(verdict: Mapping[str, Any]) -> bool:
    return verdict["state"] in {"right", "export failed"}


if __name__ == "__main__":
    sys.exit(main())
