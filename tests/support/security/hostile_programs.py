"""Hostile files of PyTorch that carry code: programs of torch.export and TorchScript."""

from __future__ import annotations

import json
import pickle
import shlex
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from support.security.hostile import Payload, trick


def network():
    import torch

    class Small(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.linear = torch.nn.Linear(4, 5)

        def forward(self, x):
            return self.linear(torch.relu(self.conv(x)).mean((2, 3)))

    torch.manual_seed(0)
    return Small().eval()


@cache
def exported() -> bytes:
    """A program with an open batch size."""
    import io

    import torch

    given = (torch.zeros(2, 3, 8, 8),)
    made = torch.export.export(network(), given, dynamic_shapes=({0: torch.export.Dim("b")},))
    buffer = io.BytesIO()
    torch.export.save(made, buffer)
    return buffer.getvalue()


def changed(folder: Path, change: Callable[[dict[str, bytes]], None], name: str = "a.pt2") -> Path:
    """The program with other members; their names are as in the archive, its folder left out."""
    (folder / "sound.zip").write_bytes(exported())
    with zipfile.ZipFile(folder / "sound.zip") as source:
        root = source.namelist()[0].partition("/")[0]
        members = {n.partition("/")[2]: source.read(n) for n in source.namelist()}
    (folder / "sound.zip").unlink()
    change(members)
    with zipfile.ZipFile(folder / name, "w") as target:
        for member, data in members.items():
            target.writestr(f"{root}/{member}", data)
    return folder / name


def _edited(folder: Path, edit: Callable[[dict], None]) -> Path:
    def change(members: dict[str, bytes]) -> None:
        program = json.loads(members["models/model.json"])
        edit(program)
        members["models/model.json"] = json.dumps(program).encode()

    return changed(folder, change)


def _code(mark: Path) -> str:
    return f"__import__('os').system({'touch ' + shlex.quote(str(mark))!r})"


@trick("SEC101")
def pickled_inputs_in_a_program(folder: Path, mark: Path) -> Path:
    return changed(
        folder, lambda m: m.update({"data/sample_inputs/model.pt": pickle.dumps(Payload(mark))})
    )


@trick("SEC101")
def opaque_object_in_a_program(folder: Path, mark: Path) -> Path:
    """torch unpickles these without any protection."""

    def change(members: dict[str, bytes]) -> None:
        members["data/constants/opaque_obj_0"] = pickle.dumps(Payload(mark))
        entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}
        config = {"config": {"x": {**entry, "tensor_meta": None}}}
        members["data/constants/model_constants_config.json"] = json.dumps(config).encode()

    return changed(folder, change)


@trick("SEC101")
def opaque_object_under_another_folder(folder: Path, mark: Path) -> Path:
    def change(members: dict[str, bytes]) -> None:
        members["data/constants/x"] = pickle.dumps(Payload(mark))
        entry = {"path_name": "opaque_obj/../x", "is_param": False, "use_pickle": True}
        config = {"config": {"x": {**entry, "tensor_meta": None}}}
        members["data/constants/model_constants_config.json"] = json.dumps(config).encode()

    return changed(folder, change)


@trick("SEC101")
def custom_object_in_a_program(folder: Path, mark: Path) -> Path:
    data = pickle.dumps(Payload(mark))
    return changed(folder, lambda m: m.update({"data/constants/custom_obj_0": data}))


@trick("SEC101")
def pickled_weight_in_a_program(folder: Path, mark: Path) -> Path:
    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["data/weights/model_weights_config.json"])
        next(iter(config["config"].values()))["use_pickle"] = True
        members["data/weights/model_weights_config.json"] = json.dumps(config).encode()
        for name in [n for n in members if "/weight_" in n]:
            members[name] = pickle.dumps(Payload(mark))

    return changed(folder, change)


@trick("SEC104")
def compiled_library_in_a_program(folder: Path, mark: Path) -> Path:
    return changed(folder, lambda m: m.update({"data/aotinductor/model/a.so": b"\x7fELF"}))


@trick("SEC106")
def symbolic_shape_that_is_code(folder: Path, mark: Path) -> Path:
    def edit(program: dict) -> None:
        text = json.dumps(program)
        at = text.index('"expr_str": "') + len('"expr_str": "')
        end = text.index('"', at)
        program |= json.loads(text[:at] + json.dumps(_code(mark))[1:-1] + text[end:])

    return _edited(folder, edit)


@trick("SEC106")
def range_of_a_symbol_that_is_code(folder: Path, mark: Path) -> Path:
    limits = {"min_val": 0, "max_val": 4}
    return _edited(folder, lambda p: p["range_constraints"].update({_code(mark): limits}))


@trick("SEC106")
def guard_that_is_code(folder: Path, mark: Path) -> Path:
    return _edited(folder, lambda p: p.update({"guards_code": [_code(mark)]}))


@trick("SEC106")
def guard_that_breaks_out_of_its_quotes(folder: Path, mark: Path) -> Path:
    # No sign in it may need a backslash, which would end the text of the check.
    text = f"""'", __import__("os").system("touch {mark}"), "'"""
    return _edited(folder, lambda p: p.update({"guards_code": [f"{text} == {text}"]}))


@trick("SEC106")
def shape_that_takes_forever(folder: Path, mark: Path) -> Path:
    return _edited(folder, lambda p: p["range_constraints"].update({"9**9**9**9": {}}))


def _with_target(folder: Path, target: str) -> Path:
    def edit(program: dict) -> None:
        program["graph_module"]["graph"]["nodes"][0]["target"] = target

    return _edited(folder, edit)


@trick("SEC104")
def program_that_calls_torch_load(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "torch.load")


@trick("SEC104")
def program_that_calls_torch_hub(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "torch.hub.load")


@trick("SEC104")
def program_that_walks_to_os(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "torch.serialization.os.system")


@trick("SEC104")
def program_that_maps_a_file(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "torch.ops.aten.from_file.default")


@trick("SEC104")
def program_with_an_attrgetter(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "_operator.attrgetter")


@trick("SEC104")
def program_of_a_foreign_library(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "torch.ops.strange.run.default")


@trick("SEC104")
def program_with_an_extension(folder: Path, mark: Path) -> Path:
    return _with_target(folder, "#strange:run")


def _target(name: str, target: str) -> None:
    def write(folder: Path, mark: Path) -> Path:
        return _with_target(folder, target)

    write.__name__ = f"program_{name}"
    trick("SEC104")(write)


_target("that_reads_what_a_tool_wrote", "torch.ops.debugprims.load_tensor.default")
_target("that_reads_a_file_of_images", "torch.ops.image.read_file.default")
_target("that_talks_to_other_processes", "torch.ops.c10d.send.default")
_target("that_profiles", "torch.ops.profiler._record_function_enter.default")
_target("that_writes_text", "torch.ops.higher_order.print")
_target("with_a_kernel", "torch.ops.higher_order.triton_kernel_wrapper_mutation")
_target("with_a_method_of_an_object", "torch.ops.higher_order.call_torchbind")
_target("with_effects", "torch.ops.higher_order.with_effects")
_target("with_compiled_code_of_a_backend", "torch.ops.higher_order.executorch_call_delegate")
_target("that_walks_from_an_operator", "torch.ops.aten.add.__class__")
_target("with_an_operator_without_overload", "torch.ops.aten.add")
_target("with_an_overload_that_is_none", "torch.ops.aten.add.decompose")


def _renamed(folder: Path, name: str, code: str) -> Path:
    """The program with a value called otherwise wherever it is named."""

    def change(members: dict[str, bytes]) -> None:
        for member in [m for m in members if m.endswith(".json")]:
            text = members[member].decode()
            members[member] = text.replace(json.dumps(name), json.dumps(code)).encode()

    return changed(folder, change)


@trick("SEC104")
def input_whose_name_is_code(folder: Path, mark: Path) -> Path:
    """Inputs become the arguments of a function that is written as text."""
    return _renamed(folder, "x", f"x, y={_code(mark)}")


@trick("SEC104")
def value_whose_name_is_code(folder: Path, mark: Path) -> Path:
    return _renamed(folder, "relu", f"relu = {_code(mark)}; y")


@trick("SEC104")
def weight_whose_name_is_code(folder: Path, mark: Path) -> Path:
    call = f'getattr(__import__("os"), "system")("touch {shlex.quote(str(mark))}")'
    name = f'_is_full_backward_hook") or {call} or getattr(self, "training'
    return _renamed(folder, "linear.bias", name)


@trick("SEC104")
def operator_that_is_given_as_an_argument(folder: Path, mark: Path) -> Path:
    def edit(program: dict) -> None:
        node = program["graph_module"]["graph"]["nodes"][0]
        node["target"] = "torch.ops.higher_order.out_dtype"
        node["inputs"][0] = {"name": "", "arg": {"as_operator": "torch.hub.load"}, "kind": 1}

    return _edited(folder, edit)


def _with_tree(folder: Path, kind: str, context: object, field: str = "in_spec") -> Path:
    def edit(program: dict) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        version, tree = json.loads(signature[field])
        tree |= {"type": kind, "context": context}
        signature[field] = json.dumps([version, tree])

    return _edited(folder, edit)


@trick("SEC105")
def structure_that_imports_a_module(folder: Path, mark: Path) -> Path:
    names = {"default_factory_module": "antigravity", "default_factory_name": "x"}
    return _with_tree(folder, "collections.defaultdict", names | {"dict_context": []})


@trick("SEC105")
def key_of_a_structure_that_imports_a_module(folder: Path, mark: Path) -> Path:
    context = json.dumps([{"__enum__": True, "fqn": "antigravity:x", "name": "x"}])
    return _with_tree(folder, "builtins.dict", context, "out_spec")


@trick("SEC104")
def argument_whose_name_is_code(folder: Path, mark: Path) -> Path:
    return _with_tree(folder, "builtins.dict", json.dumps(["x", f"y={_code(mark)}"]))


@trick("SEC104")
def program_that_is_not_called_json(folder: Path, mark: Path) -> Path:
    """PyTorch reads all below models/, whatever its ending."""

    def change(members: dict[str, bytes]) -> None:
        members["models/model.jsom"] = members.pop("models/model.json")

    return changed(folder, change)


@trick("SEC104")
def program_with_a_field_of_tomorrow(folder: Path, mark: Path) -> Path:
    return _edited(folder, lambda program: program.update({"run_this": "torch.load"}))


@trick("SEC104")
def compiled_library_in_capitals(folder: Path, mark: Path) -> Path:
    return changed(folder, lambda m: m.update({"data/AOTInductor/model/a.SO": b"\x7fELF"}))


@trick("SEC120")
def program_beside_one_without_a_folder(folder: Path, mark: Path) -> Path:
    """PyTorch reads the folder of the first member, and takes the rest for an older form."""
    path = changed(folder, lambda members: None)
    with zipfile.ZipFile(path, "a") as target:
        target.writestr("serialized_exported_program.json", "{}")
        target.writestr("version", "8.8")
    return path


@trick("contained")
def program_nested_without_end(folder: Path, mark: Path) -> Path:
    deep = b'{"graph_module":' * 100_000
    return changed(folder, lambda m: m.update({"models/model.json": deep}))


def scripted(path: Path, module) -> Path:
    import torch

    torch.jit.script(module).save(path)
    return path


@trick("SEC103")
def script_that_nobody_allowed(folder: Path, mark: Path) -> Path:
    return scripted(folder / "a.pt", network())


@trick("SEC104", allowed=True)
def script_that_maps_a_file(folder: Path, mark: Path) -> Path:
    import torch

    class Reads(torch.nn.Module):
        def forward(self, x):
            return x + torch.from_file("/etc/passwd", False, 4)

    return scripted(folder / "a.pt", Reads())


def _rewritten(folder: Path, old: bytes, new: bytes) -> Path:
    path = scripted(folder / "sound.pt", network())
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(folder / "a.pt", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, data.replace(old, new) if name.endswith(".py") else data)
    return folder / "a.pt"


@trick("SEC104", allowed=True)
def script_with_foreign_operators(folder: Path, mark: Path) -> Path:
    return _rewritten(folder, b"    return ", b"    _ = ops.strange.run(x)\n    return ")


@trick("SEC104", allowed=True)
def script_with_a_foreign_class(folder: Path, mark: Path) -> Path:
    line = b"    _ = __torch__.torch.classes.strange.Runner()\n    return "
    return _rewritten(folder, b"    return ", line)


@trick("SEC104", allowed=True)
def script_that_saves(folder: Path, mark: Path) -> Path:
    line = f'    _ = torch.save(x, "{mark}")\n    return '.encode()
    return _rewritten(folder, b"    return ", line)


@trick("SEC120", allowed=True)
def script_with_a_name_that_climbs(folder: Path, mark: Path) -> Path:
    path = scripted(folder / "a.pt", network())
    with zipfile.ZipFile(path, "a") as target:
        target.writestr(f"../{mark.name}", b"x")
    return path


@trick("contained", allowed=True)
def script_that_never_ends_and_eats(folder: Path, mark: Path) -> Path:
    """Its code is allowed; what ends it is the limit of memory."""
    import torch

    class Eats(torch.nn.Module):
        def forward(self, x):
            held = [torch.ones(1)]
            while len(held) > 0:
                # Of the input, or the compiler would make it once.
                held.append(torch.ones(64 * 1024 * 1024) + x.sum())
            return x

    return scripted(folder / "a.pt", Eats())
