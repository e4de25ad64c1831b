"""The schema of a torch.export program in JSON: fields and their types.

``torch.export.load`` pastes names into Python text that it runs, looks up operators by their names
and evaluates expressions. So every text of a program has a kind here, and a field that is not here
is refused. The form is that of torch._export.serde.schema, major version 8.

A kind is the name of a record or union below, of a check in ``program.py`` (lower case), or one of
these before another: ``list``, ``optional``, and ``map`` with the kinds of keys and values.
"""

from __future__ import annotations

_SYMBOLIC = {"Int": "int", "Float": "float", "Bool": "bool"}

UNIONS: dict[str, dict[str, str]] = {
    "SymExprHint": {"as_int": "int", "as_bool": "bool", "as_float": "float"},
    **{f"Sym{n}": {"as_expr": "SymExpr", f"as_{k}": k} for n, k in _SYMBOLIC.items()},
    **{f"Sym{n}Argument": {"as_name": "name", f"as_{k}": k} for n, k in _SYMBOLIC.items()},
    "OptionalTensorArgument": {"as_tensor": "NamedValue", "as_none": "none"},
    "Argument": {
        "as_none": "none",
        "as_tensor": "NamedValue",
        "as_tensors": "list NamedValue",
        "as_int": "int",
        "as_ints": "list int",
        "as_float": "float",
        "as_floats": "list float",
        "as_string": "text",
        "as_strings": "list text",
        "as_sym_int": "SymIntArgument",
        "as_sym_ints": "list SymIntArgument",
        "as_scalar_type": "int",
        "as_memory_format": "int",
        "as_layout": "int",
        "as_device": "Device",
        "as_bool": "bool",
        "as_bools": "list bool",
        "as_sym_bool": "SymBoolArgument",
        "as_sym_bools": "list SymBoolArgument",
        "as_graph": "GraphArgument",
        "as_optional_tensors": "list OptionalTensorArgument",
        "as_custom_obj": "object",
        "as_operator": "operator",
        "as_sym_float": "SymFloatArgument",
        "as_sym_floats": "list SymFloatArgument",
        "as_optional_tensor": "OptionalTensorArgument",
        "as_complex": "ComplexValue",
        "as_nested_tensors": "list list NamedValue",
        "as_int_lists": "list list int",
        "as_string_to_argument": "map text Argument",
        "as_float_lists": "list list float",
    },
    "ConstantValue": {
        "as_none": "none",
        "as_int": "int",
        "as_float": "float",
        "as_string": "text",
        "as_bool": "bool",
    },
    "InputSpec": {
        "user_input": "UserSpec",
        "parameter": "ParameterSpec",
        "buffer": "BufferSpec",
        "tensor_constant": "ConstantSpec",
        "custom_obj": "object",
        "token": "TokenSpec",
        "constant_input": "ConstantInputSpec",
    },
    "OutputSpec": {
        "user_output": "UserSpec",
        "loss_output": "TokenSpec",
        "buffer_mutation": "BufferSpec",
        "gradient_to_parameter": "ParameterSpec",
        "gradient_to_user_input": "UserInputSpec",
        "user_input_mutation": "UserInputSpec",
        "token": "TokenSpec",
        "parameter_mutation": "ParameterSpec",
    },
}
"""One of the fields, and no other."""

RECORDS: dict[str, dict[str, str]] = {
    "Device": {"type": "word", "index": "optional int"},
    "SymExpr": {"expr_str": "expression", "hint": "optional SymExprHint"},
    "TensorMeta": {
        "dtype": "int",
        "sizes": "list SymInt",
        "requires_grad": "bool",
        "device": "Device",
        "strides": "list SymInt",
        "storage_offset": "SymInt",
        "layout": "int",
    },
    "NamedValue": {"name": "name"},
    "GraphArgument": {"name": "name", "graph": "Graph"},
    "ComplexValue": {"real": "float", "imag": "float"},
    "NamedArgument": {"name": "parameter", "arg": "Argument", "kind": "optional int"},
    "Node": {
        "target": "operator",
        "inputs": "list NamedArgument",
        "outputs": "list Argument",
        "metadata": "map text text",
        "is_hop_single_tensor_return": "optional bool",
        "name": "optional name",
    },
    "Graph": {
        "inputs": "list Argument",
        "outputs": "list Argument",
        "nodes": "list Node",
        "tensor_values": "map name TensorMeta",
        "sym_int_values": "map name SymInt",
        "sym_bool_values": "map name SymBool",
        "is_single_tensor_return": "bool",
        "custom_obj_values": "map name object",
        "sym_float_values": "map name SymFloat",
    },
    "UserSpec": {"arg": "Argument"},
    "UserInputSpec": {"arg": "NamedValue", "user_input_name": "name"},
    "ParameterSpec": {"arg": "NamedValue", "parameter_name": "path"},
    "BufferSpec": {"arg": "NamedValue", "buffer_name": "path", "persistent": "bool"},
    "ConstantSpec": {"arg": "NamedValue", "tensor_constant_name": "path"},
    "TokenSpec": {"arg": "NamedValue"},
    "ConstantInputSpec": {"name": "name", "value": "ConstantValue"},
    "GraphSignature": {"input_specs": "list InputSpec", "output_specs": "list OutputSpec"},
    "RangeConstraint": {"min_val": "optional int", "max_val": "optional int"},
    "ModuleCallSignature": {
        "inputs": "list Argument",
        "outputs": "list Argument",
        "in_spec": "inputs",
        "out_spec": "outputs",
        "forward_arg_names": "optional list name",
    },
    "ModuleCallEntry": {"fqn": "path", "signature": "optional ModuleCallSignature"},
    "NamedTupleDef": {"field_names": "list name"},
    "GraphModule": {
        "graph": "Graph",
        "signature": "GraphSignature",
        "module_call_graph": "list ModuleCallEntry",
        "metadata": "map text text",
        "treespec_namedtuple_fields": "map text NamedTupleDef",
    },
    "SchemaVersion": {"major": "int", "minor": "int"},
    "ExportedProgram": {
        "graph_module": "GraphModule",
        "opset_version": "map word int",
        "range_constraints": "map expression RangeConstraint",
        "schema_version": "SchemaVersion",
        "verifiers": "list word",
        "torch_version": "text",
        "guards_code": "list guard",
    },
    "PayloadMeta": {
        "path_name": "word",
        "is_param": "bool",
        "use_pickle": "pickled",
        "tensor_meta": "optional TensorMeta",
    },
    "PayloadConfig": {"config": "map path PayloadMeta"},
}
"""Fields by name; PyTorch fills in what is not there."""
