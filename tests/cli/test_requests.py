"""What a command is asked, the API is asked: every option reaches a field, and none is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import zoodiff
from support.text.commands import commands
from zoodiff import api
from zoodiff.api import studies
from zoodiff.cli.app import app

LIMITS = zoodiff.Limits(5.0, 2_000_000_000)
ARE_LIMITED = "--worker-seconds 5 --worker-memory 2"
PRINTED = {"csv", "html", "json", "places", "wide"}
"""Options that say how an answer is printed, which is the caller's own business in Python."""


@dataclass(frozen=True)
class Case:
    """Words that set every option of a command, and what the API must be asked then."""

    words: tuple[str, ...]
    asks: str
    """The function behind the command, below ``zoodiff.api``."""
    positional: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    """Named arguments that are not compared: observers and progress."""


def case(
    words: str, asks: str, *positional: Any, ignored: tuple[str, ...] = (), **named: Any
) -> Case:
    return Case(tuple(words.split()), asks, positional, named, ignored)


CASES = (
    case(
        "accuracy a b --data d --truth t --labels l --data-labels m --split s --limit 3 "
        "--decide 2 --within 1.5 --preprocessing interpolation=bicubic --preprocessing x=y "
        "--infer-preprocessing --explain --evidence e --pipelines 2 --batch 8 --seed 4 --max-bad "
        "2 --fresh --results r " + ARE_LIMITED,
        "accuracy_report.accuracy",
        api.AccuracyRequest(
            entries=("a", "b"),
            data="d",
            truth=Path("t"),
            labels="l",
            data_labels="m",
            split="s",
            limit=3,
            decide=2.0,
            within=1.5,
            preprocessing=("interpolation=bicubic", "x=y"),
            infer=True,
            explain=True,
            evidence=Path("e"),
            pipelines=2,
            batch=8,
            seed=4,
            max_bad=2.0,
            fresh=True,
            results="r",
            limits=LIMITS,
        ),
        ignored=("step", "opened", "trying"),
    ),
    case(
        "latency a b --batch 2 --threads 3 --mode eager --mode a=compiled --pause 4 --seconds "
        "9 --processes 6 --rounds 4 --block 30 --fresh --target 2 --within 7 --controls 2 "
        "--allow precision --no-why --cold "
        "--sweep 8 --sweep-threads 4 --scenarios --bound 20 --environment --seed 5 --results "
        "r " + ARE_LIMITED,
        "latency_report.latency",
        api.LatencyRequest(
            entries=("a", "b"),
            batch=2,
            threads=3,
            modes=("eager", "a=compiled"),
            pause_ms=4.0,
            seconds=9.0,
            processes=6,
            target=2.0,
            rounds=4,
            block_ms=30.0,
            fresh=True,
            within=7.0,
            controls=2,
            allow=("precision",),
            why=False,
            cold=True,
            sweep=8,
            sweep_threads=4,
            scenarios=True,
            bound_ms=20.0,
            environment=True,
            seed=5,
            results="r",
            limits=LIMITS,
        ),
        ignored=("step",),
    ),
    case(
        "run s --results r --fresh --download --jobs 3 --engine ray --address 1.2.3.4:5 "
        + ARE_LIMITED,
        "studies.run",
        api.RunRequest(
            study="s",
            results="r",
            fresh=True,
            download=True,
            jobs=3,
            engine="ray",
            address="1.2.3.4:5",
            limits=LIMITS,
        ),
        ignored=("observe",),
    ),
    case(
        "compare a b --latency --download --threads 2 --rounds 9 --results r " + ARE_LIMITED,
        "studies.compare",
        api.CompareRequest(
            names=("a", "b"),
            latency=True,
            download=True,
            threads=2,
            rounds=9,
            results="r",
            limits=LIMITS,
        ),
        ignored=("observe",),
    ),
    case(
        "diff a b --graph-only --no-run --prove --weights --download --without x --without y "
        "--input-range 0:255 --input ids=int64[1,32] --input mask=bool[1,32] --example e.npz "
        "--seed 3 --html h --svg s --png p --model-explorer m --netron n " + ARE_LIMITED,
        "diff",
        api.DiffRequest(
            a="a",
            b="b",
            graph_only=True,
            no_run=True,
            prove=True,
            weights=True,
            download=True,
            without=("x", "y"),
            input_range=(0.0, 255.0),
            inputs=("ids=int64[1,32]", "mask=bool[1,32]"),
            example=Path("e.npz"),
            seed=3,
            layer_outputs=True,
        ),
        limits=LIMITS,
        ignored=("progress",),
    ),
    case(f"diff a b --preprocessing {ARE_LIMITED}", "diff_preprocessing", "a", "b", limits=LIMITS),
    case(
        "claims resnet50 --latency --test-set v2 --recipes --rankings a b --zoo keras --zoo onnx "
        "--weights w --input-size 224 --precision fp32 --extra-data only --as-of 2022-03-31 "
        "--machine m --batch 4 --min 1 --max 9 --sort ms --limit 3",
        "claimed.claims_report.claims",
        api.ClaimsRequest(
            architecture="resnet50",
            latency=True,
            test_set="v2",
            recipes=True,
            rankings=("a", "b"),
            zoos=("keras", "onnx"),
            weights=("w",),
            input_size="224",
            precision="fp32",
            extra_data="only",
            as_of="2022-03-31",
            machine="m",
            batch=4,
            minimum=1.0,
            maximum=9.0,
            sort="ms",
            limit=3,
        ),
    ),
    case(
        "which resnet50 --task classification --zoo keras --precision fp32 --min-top1 70 "
        "--max-macs 5G --max-size 100M --max-latency 9 --machine m --results r --sort macs "
        "--limit 3",
        "claimed.which_report.which",
        api.WhichRequest(
            name="resnet50",
            task="classification",
            zoos=("keras",),
            precision="fp32",
            min_top1=70.0,
            max_macs="5G",
            max_size="100M",
            max_latency=9.0,
            machine="m",
            results="r",
            sort="macs",
            limit=3,
        ),
    ),
    case(
        f"show torchvision:resnet18 --save g.json {ARE_LIMITED}",
        "entries.entry_facts",
        zoodiff.resolve("torchvision:resnet18"),
        save=Path("g.json"),
        limits=LIMITS,
    ),
    case(
        "show torchvision:resnet18 --catalogue-only",
        "entries.entry_facts",
        zoodiff.resolve("torchvision:resnet18"),
        catalogue_only=True,
    ),
    case(
        "list vgg --zoo keras --shared", "entries.list_entries", "vgg", zoos=["keras"], shared=True
    ),
    case(
        f"list vgg --zoo keras --by-fingerprint {ARE_LIMITED}",
        "entries.group_by_fingerprint",
        "vgg",
        zoos=["keras"],
        limits=LIMITS,
        ignored=("begin", "done"),
    ),
    case(
        f"audit-recipes a b --zoos keras,timm --images i --jobs 3 --fail-on stated {ARE_LIMITED}",
        "audit_recipes",
        ["a", "b"],
        zoos=["keras", "timm"],
        images=Path("i"),
        jobs=3,
        limits=LIMITS,
        ignored=("step",),
    ),
    case(
        "names a b --zoos keras,timm --all --all-zoos --build --jobs 3 --only odd --finding NAM101 "
        f"--sort top1 --limit 3 {ARE_LIMITED}",
        "names",
        ["a", "b"],
        zoos=["keras", "timm"],
        all_names=True,
        all_zoos=True,
        build=True,
        jobs=3,
        limits=LIMITS,
        ignored=("begin", "done"),
    ),
    case(
        f"fingerprint a b --structure {ARE_LIMITED}",
        "entries.fingerprints",
        ["a", "b"],
        structure=True,
        limits=LIMITS,
        ignored=("failed",),
    ),
    case("report s --results r", "studies.read_run", "s", "r"),
    case("report s t --results r", "studies.compare_runs", "s", "t", "r"),
    case(
        f"report s --serve --port 80 --results r --thumbnails 3 {ARE_LIMITED}",
        "studies.report_server",
        "s",
        "r",
        80,
        thumbnails=3,
        limits=LIMITS,
    ),
    case("example f", "example_files.write_example", "f"),
    case("rules ARC101", "rules.find_rule", "ARC101"),
    case("rules", "rules.all_rules"),
    case("schema diff", "json_schemas.json_schema", "diff"),
    case("schema", "json_schemas.json_documents"),
    case("zoos", "zoos.zoos_report"),
    case("zoos add z.toml", "zoos.add_zoo", Path("z.toml")),
    case("zoos remove acme", "zoos.remove_zoo", "acme"),
    case("env list", "zoos.environments"),
    case("env create tfmg --again", "zoos.create_environment", "tfmg", again=True),
    case("env remove tfmg", "zoos.remove_environment", "tfmg"),
    case(
        "index export f.idx --zoo timm --zoo keras",
        "index.export_index",
        Path("f.idx"),
        zoos=["timm", "keras"],
    ),
    case("index import f.idx --check-all", "index.import_index", Path("f.idx"), check_all=True),
    case("store verify --results r", "storage.verify_results", "r"),
    case(
        "store gc --results r --older-than 3h --unnamed --dry-run",
        "storage.collect_waste",
        "r",
        older="3h",
        unnamed=True,
        dry_run=True,
    ),
    case(
        "store export f.tar --results r --run a --run b",
        "storage.export_results",
        Path("f.tar"),
        "r",
        runs=["a", "b"],
    ),
    case("store import f.tar --results r", "storage.import_results", Path("f.tar"), "r"),
)


class Asked(Exception):
    """Stands for the work of the API."""


def asked(case: Case, monkeypatch: pytest.MonkeyPatch) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with which a command calls the function behind it."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def called(*positional: Any, **named: Any) -> None:
        calls.append((positional, named))
        raise Asked

    monkeypatch.setattr(f"zoodiff.api.{case.asks}", called)
    done = CliRunner().invoke(app, case.words)
    assert isinstance(done.exception, Asked), done.output
    ((positional, named),) = calls
    return positional, {key: value for key, value in named.items() if key not in case.ignored}


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case.words)[:40])
def test_every_option_reaches_the_api(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    positional, named = asked(case, monkeypatch)
    assert positional == case.positional
    assert named == dict(case.named)


REQUESTS = [
    value for case in CASES for value in case.positional if type(value).__name__.endswith("Request")
]


@pytest.mark.parametrize("complete", REQUESTS, ids=lambda value: type(value).__name__)
def test_a_case_sets_every_field_of_its_request(complete: Any) -> None:
    """So that an option which is dropped on the way cannot hide behind a default."""
    for one in fields(complete):
        assert getattr(complete, one.name) != one.default, one.name


def test_there_is_a_case_for_every_request() -> None:
    names = {name for name in api.__all__ if name.endswith("Request")}
    assert {type(one).__name__ for one in REQUESTS} == names


SPELT: dict[str, dict[str, str]] = {
    "accuracy": {"infer_preprocessing": "infer"},
    "latency": {
        "mode": "modes",
        "pause": "pause_ms",
        "bound": "bound_ms",
        "block": "block_ms",
    },
    "claims": {"zoo": "zoos"},
    "which": {"zoo": "zoos"},
    "list": {"zoo": "zoos"},
    "diff": {
        "html": "path",
        "svg": "path",
        "png": "path",
        "model_explorer": "folder",
        "netron": "folder",
    },
    "report": {"run": "name", "output": "folder"},
    "run": {"report": "folder", "resume": "fresh"},
    "store export": {"run": "runs"},
    "index export": {"zoo": "zoos"},
}
"""Options whose field has another name."""
EVERYWHERE = {"worker_seconds": "limits", "worker_memory": "limits", "allow_code": "file"}
BEHIND: dict[str, tuple[Callable[..., Any], ...]] = {
    "accuracy": (api.AccuracyRequest, api.allow_code),
    "latency": (api.LatencyRequest, api.allow_code),
    "run": (api.RunRequest, api.write_report, api.allow_code),
    "compare": (api.CompareRequest, api.allow_code),
    "claims": (api.ClaimsRequest,),
    "which": (api.WhichRequest,),
    "show": (api.entry_facts, api.EntryFacts.to_dict, api.allow_code),
    "list": (api.list_entries, api.group_by_fingerprint),
    "diff": (
        *(api.DiffRequest, api.diff, api.DiffReport.exit_code),
        *(api.diff_preprocessing, api.allow_code),
        *(api.Picture.save, api.Picture.export_model_explorer, api.Picture.export_netron),
    ),
    "example": (api.write_example,),
    "fingerprint": (api.fingerprints, api.allow_code),
    "names": (api.names, api.NamesReport.selected),
    "audit-recipes": (api.audit_recipes, api.RecipesReport.exit_code),
    "report": (api.read_run, api.write_report, api.compare_runs, api.report_server),
    "rules": (api.find_rule, api.all_rules),
    "schema": (api.json_schema, api.json_documents),
    "zoos": (api.zoos_report,),
    "zoos add": (api.add_zoo,),
    "zoos remove": (api.remove_zoo,),
    "env list": (api.environments,),
    "env create": (api.create_environment,),
    "env remove": (api.remove_environment,),
    "index": (api.index_summary,),
    "index export": (api.export_index,),
    "index import": (api.import_index,),
    "store verify": (api.verify_results,),
    "store gc": (api.collect_waste,),
    "store export": (api.export_results,),
    "store import": (api.import_results,),
}
"""What Python calls for a command: a request of the API or a function."""
CHOOSES = {("list", "by_fingerprint"), ("diff", "preprocessing"), ("report", "serve")}
"""Options that choose between two functions."""


def test_every_command_has_something_behind_it() -> None:
    assert {words for words, _ in commands()} == set(BEHIND)


@pytest.mark.parametrize("words", sorted(BEHIND))
def test_python_lacks_no_option_of_a_command(words: str) -> None:
    (command,) = [command for named, command in commands() if named == words]
    known = {name for target in BEHIND[words] for name in signature(target).parameters}
    spelt = EVERYWHERE | SPELT.get(words, {})
    for option in {one.name for one in command.params} - PRINTED - {"help"}:
        if (words, option) not in CHOOSES:
            assert spelt.get(option, option) in known, option


@pytest.mark.parametrize("words", sorted(BEHIND))
def test_what_is_behind_a_command_is_public(words: str) -> None:
    for target in BEHIND[words]:
        name = target.__qualname__.partition(".")[0]
        assert getattr(zoodiff, name) is getattr(api, name)


def test_the_words_set_every_option() -> None:
    """Those of all cases of a command together; printing, code and reports apart."""
    apart = PRINTED | {"help", "allow_code", "layers", "output", "report", "resume", "fail_on"}
    for words, command in commands():
        said = [
            word for case in CASES for word in case.words if " ".join(case.words).startswith(words)
        ]
        for option in command.params:
            if option.name not in apart and option.param_type_name == "option":
                assert set(said) & {*option.opts, *option.secondary_opts}, (words, option.name)


def test_no_resume_measures_everything_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (positional, _) = asked(
        case("run s --no-resume", "studies.run", ignored=("observe",)), monkeypatch
    )
    assert positional == (api.RunRequest(study="s", fresh=True, limits=zoodiff.Limits()),)


def test_the_folder_of_a_report_is_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.records import filled

    store = filled(tmp_path / "results")
    manifest = store.read_manifest("s")
    assert manifest is not None
    store.write_manifest(
        manifest.model_copy(update={"study_text": 'name = "s"\ntitle = "t"\n[architecture]\n'})
    )
    where = ["--results", str(tmp_path / "results")]
    for words, folder in (([], tmp_path / "results" / "report" / "s"), (["-o"], tmp_path / "x")):
        named = [*words, str(folder)] if words else []
        done = CliRunner().invoke(app, ["report", *where, *named])
        assert done.exit_code == 0, done.output
        assert {path.name for path in folder.iterdir()} == {
            *("index.html", "report.md", "discrepancies.csv", "discrepancies.json", "tables")
        }


def test_a_run_is_reported_in_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []

    def written(result: object, folder: Path, results: object) -> None:
        folders.append(folder)
        raise Asked

    class Result:
        study = "s"

    monkeypatch.setattr(studies, "run", lambda *_, **__: studies.StudyRun(Result(), 0, 0, (), ()))  # type: ignore[arg-type]
    monkeypatch.setattr(studies, "write_report", written)
    for words in (["--report", "here"], ["--results", "there"], ["--results", "s3://b/c"]):
        CliRunner().invoke(app, ["run", "s", *words])
    assert folders == [Path("here"), Path("there/report/s"), Path("report/s")]
