"""Products of dynamically quantised data and a stored matrix of integers."""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.frontends.onnx.runtime_operators.rewriting import Rewriter, Rewriting


def _dynamic_quantised_matmul(r: Rewriting) -> bool:
    """Data, matrix, its scale and zero point, bias."""
    if not r.dims(r.given(1)):
        return False
    data = r.quantised(r.given(0))
    product = integer_product(r, data, (r.given(1), r.given(2), r.given(3)))
    r.sum_of(product, r.given(4), result=r.output(0))
    return True


def _integer_matmul(r: Rewriting) -> bool:
    """Integers, matrix, two scales, two zero points, bias; of dynamically quantised data only."""
    if not r.is_dynamic(r.given(0)) or not r.dims(r.given(1)):
        return False
    data = (r.given(0), r.given(2), r.given(4))
    product = integer_product(r, data, (r.given(1), r.given(3), r.given(5)))
    r.sum_of(product, r.given(6), result=r.output(0))
    return True


def integer_product(r: Rewriting, data: tuple[str, str, str], matrix: tuple[str, str, str]) -> str:
    """Return the product of two factors, each given by its integers, scale and zero point."""
    from onnx import TensorProto

    zero_points = [data[2], matrix[2]] if matrix[2] else [data[2]]
    total = r.add("MatMulInteger", data[0], matrix[0], *zero_points)
    scale = r.add("Mul", data[1], matrix[1])
    return r.add("Mul", r.add("Cast", total, to=TensorProto.FLOAT), scale)


OPERATORS: Mapping[str, Rewriter] = {
    "DynamicQuantizeMatMul": _dynamic_quantised_matmul,
    "MatMulIntegerToFloat": _integer_matmul,
}
"""Operators of ONNX Runtime's domain, by name."""
