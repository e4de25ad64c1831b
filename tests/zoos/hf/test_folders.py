"""Folders laid out as a repository, and repositories in the hub client's cache or on a hub."""

import contextlib
import functools
import http.server
import importlib
import json
import threading
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from zoodiff.errors import UnknownNameError, UsageError, WeightsUnavailableError, ZoodiffError
from zoodiff.rules.security import RefusedError
from zoodiff.zoos import registry
from zoodiff.zoos.hf import snapshots
from zoodiff.zoos.hf.entries import HubEntry

CONFIG = {
    "model_type": "resnet",
    "architectures": ["ResNetForImageClassification"],
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "embedding_size": 8,
    "layer_type": "basic",
    "id2label": {"0": "cat", "1": "dog", "2": "crane"},
}
PROCESSOR = {"image_processor_type": "CLIPImageProcessor", "size": 40, "crop_size": 32}
FIRST, SECOND = "a" * 40, "b" * 40


def write_folder(folder: Path, config: dict | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config or CONFIG))
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
    return folder


def in_cache(cache: Path, commit: str, branch: str = "main") -> Path:
    place = cache / "models--owner--net"
    (place / "refs").mkdir(parents=True, exist_ok=True)
    (place / "refs" / branch).write_text(commit)
    folder = write_folder(place / "snapshots" / commit)
    (folder / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    # The client keeps what the variables say when it is imported, for all later tests.
    with contextlib.suppress(ImportError):
        importlib.import_module("huggingface_hub.constants")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"


def test_a_folder_is_an_entry_with_labels_and_preprocessing(tmp_path, monkeypatch) -> None:
    write_folder(tmp_path / "net")
    monkeypatch.chdir(tmp_path)
    entry = registry.resolve("hf:./net")
    assert isinstance(entry, HubEntry)
    assert str(entry.ref) == "hf:./net"
    assert entry.labels.names == ("cat", "dog", "crane")
    assert entry.model.input_shape == (3, 32, 32)
    assert (entry.preprocessing.resize, entry.preprocessing.published) == (40, "yes")
    assert entry.worker.confined
    assert str(registry.resolve("hf:./net@random").ref) == "hf:./net@random"
    assert registry.resolve(entry.address).model.name == entry.model.name


def test_a_folder_that_changes_is_another_version(tmp_path: Path) -> None:
    from zoodiff.host.provenance import identity

    folder = write_folder(tmp_path / "net")
    before = identity(registry.resolve(f"hf:{folder}"))
    (folder / "model.safetensors").write_bytes(b"12345678")
    assert identity(registry.resolve(f"hf:{folder}")) != before


def test_an_entry_of_a_folder_survives_as_plain_data(tmp_path, monkeypatch) -> None:
    from zoodiff.tasks import entry_of, of_entry

    write_folder(tmp_path / "net")
    monkeypatch.chdir(tmp_path)
    entry = registry.resolve("hf:./net@random")
    plain = json.loads(json.dumps(of_entry(entry)))
    monkeypatch.chdir("/")
    assert entry_of(plain) == entry


def test_code_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "net", {**CONFIG, "auto_map": {"AutoModel": "evil.Net"}})
    with pytest.raises(RefusedError, match="SEC103"):
        registry.resolve(f"hf:{folder}")


@pytest.mark.parametrize(
    ("reference", "kind"),
    [
        ("hf:./nowhere", UnknownNameError),
        ("hf:owner/net/more", UnknownNameError),
        ("hf:owner/..", UnknownNameError),
        ("hf:owner/net@../../x", UsageError),
        ("hf:owner/net@-x", UsageError),
        ("hf:.@main", UsageError),
    ],
)
def test_names_that_are_none_are_one_sentence(reference: str, kind: type) -> None:
    with pytest.raises(kind) as error:
        registry.resolve(reference)
    assert "\n" not in str(error.value)


def test_offline_the_sentence_has_the_command_that_fetches() -> None:
    with pytest.raises(
        WeightsUnavailableError,
        match=r"hf:owner/net@main needs config\.json and model\.safetensors of "
        r"https://huggingface\.co/owner/net.*: hf download owner/net config\.json model\.safe\w+$",
    ) as error:
        registry.resolve("hf:owner/net")
    assert "\n" not in str(error.value)
    with pytest.raises(WeightsUnavailableError, match=r"--revision v1$"):
        registry.resolve("hf:owner/net@v1")


def test_a_branch_in_the_cache_is_recorded_by_its_commit(cache: Path) -> None:
    in_cache(cache, FIRST)
    for reference in ("hf:owner/net", "hf:owner/net@main", f"hf:owner/net@{FIRST}"):
        assert str(registry.resolve(reference).ref) == f"hf:owner/net@{FIRST}"


def test_a_known_checkpoint_in_the_cache_is_a_foreign_entry(cache: Path) -> None:
    place = cache / "models--microsoft--resnet-18"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(FIRST)
    (write_folder(place / "snapshots" / FIRST) / "model.safetensors").write_bytes(b"")
    entry = registry.resolve("hf:microsoft/resnet-18")
    assert str(entry.ref) == f"hf:microsoft/resnet-18@{FIRST}"
    assert entry.model.architecture == "resnet18"
    assert entry.worker.confined


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub with one repository, whose branch main has the commit ``head``."""

    head = FIRST
    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        self.asked.append(self.path)
        parts = self.path.strip("/").split("/")
        known = parts[:3] == ["owner", "net", "resolve"]
        revision = parts[3] if known else ""
        body = self.files.get("/".join(parts[4:])) if known else None
        if body is None or revision not in ("main", FIRST, SECOND):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("X-Repo-Commit", self.head if revision == "main" else revision)
        self.send_header("ETag", f'"{abs(hash(body)):x}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants, file_download

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.delenv("HF_HUB_OFFLINE")
    for module in (constants, file_download.constants):
        monkeypatch.setattr(module, "ENDPOINT", address)
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(
            module,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
    download = functools.partial(
        huggingface_hub.hf_hub_download, cache_dir=snapshots.cache_folder(), endpoint=address
    )
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    Hub.head, Hub.asked = FIRST, []
    Hub.files = {
        "config.json": json.dumps(CONFIG).encode(),
        "preprocessor_config.json": json.dumps(PROCESSOR).encode(),
        "model.safetensors": b"weights",
    }
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_repository_is_fetched_at_the_commit_of_its_branch(hub, cache: Path) -> None:
    entry = registry.resolve("hf:owner/net")
    assert str(entry.ref) == f"hf:owner/net@{FIRST}"
    assert (cache / "models--owner--net" / "refs" / "main").read_text() == FIRST
    hub.asked.clear()
    assert registry.resolve(f"hf:owner/net@{FIRST}").model.labels == entry.model.labels
    assert hub.asked == []  # a commit that is here is not asked for


def test_a_branch_that_moved_is_said_in_one_sentence(hub) -> None:
    registry.resolve("hf:owner/net")
    hub.head = SECOND
    entry = registry.resolve("hf:owner/net@main")
    assert str(entry.ref) == f"hf:owner/net@{SECOND}"
    assert entry.model.note == (
        f"main of owner/net moved from {FIRST[:12]} to {SECOND[:12]}; "
        f"name hf:owner/net@{FIRST} for the earlier one"
    )
    assert str(registry.resolve(f"hf:owner/net@{FIRST}").ref) == f"hf:owner/net@{FIRST}"


def test_a_repository_with_pickles_only_is_refused(hub) -> None:
    del hub.files["model.safetensors"]
    hub.files["pytorch_model.bin"] = b"\x80\x04."
    with pytest.raises(WeightsUnavailableError, match=r"no model\.safetensors at main; .*pickles"):
        registry.resolve("hf:owner/net")
    assert registry.resolve("hf:owner/net@random").labels.classes == 3  # needs no weights


def test_a_repository_without_a_preprocessor_has_the_defaults_of_its_type(hub) -> None:
    del hub.files["preprocessor_config.json"]
    spec = registry.resolve("hf:owner/net").preprocessing
    assert str(spec.source).startswith("class defaults of transformers")


def test_a_repository_that_is_none_is_one_sentence(hub) -> None:
    with pytest.raises(ZoodiffError) as error:
        registry.resolve("hf:owner/other")
    assert "\n" not in str(error.value)


@pytest.mark.torch
class TestLoading:
    """A folder's weights in transformers' network, in the backend."""

    @pytest.fixture(scope="class")
    def backend(self):
        pytest.importorskip("transformers")
        from zoodiff.zoos.hf.backend import HfBackend

        return HfBackend()

    @pytest.fixture
    def folder(self, backend, tmp_path: Path) -> Path:
        import torch

        from zoodiff.zoos.hf import networks

        torch.manual_seed(7)
        config = networks.configuration("ResNetForImageClassification", dict(CONFIG))
        network = networks.class_named("ResNetForImageClassification")(config)
        network.save_pretrained(tmp_path / "net")
        return write_folder(tmp_path / "net")

    def test_outputs_are_those_of_transformers(self, backend, folder: Path) -> None:
        import torch
        from transformers import ResNetForImageClassification

        network = backend.load(str(folder), "file", seed=0, threads=1)
        pixels = np.random.default_rng(0).random((2, 3, 32, 32), dtype=np.float32)
        own = ResNetForImageClassification.from_pretrained(folder).eval()
        with torch.inference_mode():
            expected = own(torch.from_numpy(pixels)).logits.numpy()
        assert np.array_equal(network.run(pixels), expected)
        assert (network.weights_state, len(str(network.weights_sha256))) == ("file", 64)
        assert network.prepare(np.zeros((1, 50, 60, 3), np.uint8)).shape == (1, 3, 32, 32)

    def test_weights_that_do_not_fit_are_one_sentence(self, backend, folder: Path) -> None:
        write_folder(folder, {**CONFIG, "hidden_sizes": [8, 32]})
        with pytest.raises(ZoodiffError, match="does not fit") as error:
            backend.load(str(folder), "file", seed=0, threads=1)
        assert "\n" not in str(error.value)
        write_folder(folder, {**CONFIG, "depths": [1, 2]})
        with pytest.raises(ZoodiffError, match=r"does not fit .* lacks") as error:
            backend.load(str(folder), "file", seed=0, threads=1)

    def test_a_damaged_file_is_refused(self, backend, folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"\xff" * 64)
        with pytest.raises(RefusedError, match="SEC111"):
            backend.load(str(folder), "file", seed=0, threads=1)

    def test_a_pickle_is_loaded_where_it_is_allowed(self, backend, folder, monkeypatch) -> None:
        import torch
        from safetensors.torch import load_file

        from zoodiff.zoos.base import ALLOWED_CODE
        from zoodiff.zoos.scan.allowed import digest

        own = backend.load(str(folder), "file", seed=0, threads=1)
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        with pytest.raises(RefusedError, match=r"SEC103: .*--allow-code pytorch_model\.bin"):
            backend.load(str(folder), "file", seed=0, threads=1)
        monkeypatch.setenv(ALLOWED_CODE, digest(folder / "pytorch_model.bin"))
        network = backend.load(str(folder), "file", seed=0, threads=1)
        pixels = np.random.default_rng(0).random((1, 3, 32, 32), dtype=np.float32)
        assert np.array_equal(network.run(pixels), own.run(pixels))

    def test_a_configuration_that_the_class_refuses_is_one_sentence(self, backend, folder) -> None:
        write_folder(folder, {**CONFIG, "layer_type": "spiral"})
        with pytest.raises(ZoodiffError, match=r"layer_type|spiral") as error:
            backend.describe(str(folder), "random")
        assert "\n" not in str(error.value)

    def test_a_confined_worker_describes_and_loads_it(self, folder: Path) -> None:
        from zoodiff.architecture.describe import describe
        from zoodiff.engines.pool import WorkerPool
        from zoodiff.graph.cost import count

        entry = registry.resolve(f"hf:{folder}")
        with WorkerPool() as engine:
            graph, answer = describe(engine, entry)
        assert graph.outputs[0].shape == (1, 3)
        assert count(graph).parameters == answer.facts.parameters
