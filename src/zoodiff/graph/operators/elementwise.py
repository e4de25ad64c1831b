"""Functions of single elements, and arithmetic."""

from __future__ import annotations

from zoodiff.graph.operators.schema import Attribute, Kind, Operand, OperatorSchema

SELU = (1.6732632423543772, 1.0507009873554805)
"""alpha and gamma of G. Klambauer et al., "Self-normalizing neural networks", 2017."""

_DATA = (Operand("data", "any shape"),)


def _unary(name: str, summary: str, *attributes: Attribute) -> OperatorSchema:
    return OperatorSchema(name, "elementwise", summary, _DATA, attributes)


def _number(name: str, meaning: str, default: float | None = None) -> Attribute:
    return Attribute(name, Kind.NUMBER, meaning, default, required=default is None)


_UNARY = (
    _unary("Abs", "abs(x)."),
    _unary(
        "Cast",
        "Another number type; a cast to integers truncates.",
        Attribute("to", Kind.TEXT, "numpy's name of the type: ``float16``", required=True),
    ),
    _unary("Ceil", "The smallest whole number that is not below x."),
    _unary(
        "Clip",
        "min(max(x, min), max).",
        Attribute("min", Kind.NUMBER, "lower bound", absent="none"),
        Attribute("max", Kind.NUMBER, "upper bound", absent="none"),
    ),
    _unary("Cos", "The cosine of x in radians."),
    _unary(
        "Dropout",
        "x; in training, x / (1 - ratio) or 0 by chance.",
        _number("ratio", "share of elements that training sets to 0", 0.5),
        Attribute("training", Kind.FLAG, "elements are dropped at inference too", default=False),
    ),
    _unary(
        "Elu",
        "x above 0, alpha * (exp(x) - 1) below.",
        _number("alpha", "depth below 0", 1.0),
    ),
    _unary("Erf", "The error function."),
    _unary("Exp", "exp(x)."),
    _unary("Floor", "The largest whole number that is not above x."),
    _unary(
        "Gelu",
        "x * (1 + erf(x / sqrt(2))) / 2.",
        Attribute(
            "approximate",
            Kind.TEXT,
            "``tanh``: by the hyperbolic tangent of a cubic",
            "none",
            choices=("none", "tanh"),
        ),
    ),
    _unary(
        "HardSigmoid",
        "min(max(alpha * x + beta, 0), 1).",
        _number("alpha", "slope"),
        _number("beta", "value at 0"),
    ),
    _unary(
        "HardSwish",
        "x times the hard sigmoid of x.",
        _number("alpha", "slope of the hard sigmoid", 1 / 6),
        _number("beta", "its value at 0", 0.5),
    ),
    _unary("Identity", "x."),
    _unary("LeakyRelu", "x above 0, alpha * x below.", _number("alpha", "slope below 0")),
    _unary("Log", "The natural logarithm."),
    _unary("Mish", "x * tanh(softplus(x))."),
    _unary("Neg", "-x."),
    _unary("Reciprocal", "1 / x."),
    _unary("Relu", "max(x, 0)."),
    _unary(
        "Selu",
        "gamma * x above 0, gamma * alpha * (exp(x) - 1) below.",
        _number("alpha", "depth below 0", SELU[0]),
        _number("gamma", "factor", SELU[1]),
    ),
    _unary("Sigmoid", "1 / (1 + exp(-x))."),
    _unary("Sin", "The sine of x in radians."),
    _unary("Softplus", "log(1 + exp(beta * x)) / beta.", _number("beta", "sharpness", 1.0)),
    _unary("Softsign", "x / (1 + abs(x))."),
    _unary("Sqrt", "The square root."),
    _unary("Swish", "x * sigmoid(alpha * x).", _number("alpha", "slope of the sigmoid", 1.0)),
    _unary("Tanh", "The hyperbolic tangent."),
)

_VALUE = Attribute(
    "value", Kind.NUMBERS, "the second operand where it is a constant", absent="a tensor or weight"
)
_AXIS = Attribute(
    "axis",
    Kind.WHOLE,
    "the axis along which a vector lies; of two tensors, where the second begins (ONNX until "
    "opset 6)",
    absent="shapes are broadcast from their ends",
)
_SHAPE = Attribute(
    "constant_shape",
    Kind.WHOLES,
    "the shape in which a weight or constant is broadcast",
    absent="its own",
)
_CONSTANT = (
    _VALUE,
    _AXIS,
    _SHAPE,
    Attribute(
        "value_shape",
        Kind.WHOLES,
        "the shape of a table of constants that the graph does not hold",
        absent="the graph holds it",
    ),
)
_FIRST = Attribute(
    "constant_first", Kind.FLAG, "the weight or constant is the first operand", default=False
)
_LEAST_DEVIATION = Attribute(
    "epsilon",
    Kind.NUMBER,
    "the least divisor where the weight has the role ``variance``: the divisor is then "
    "max(sqrt(variance), epsilon)",
    absent="the weight is the divisor",
)
_TWO = (
    Operand("first", "any shape"),
    Operand("second", "a tensor, weight or constant that is broadcast to it"),
)
_ANY = (Operand("operands", "any number of tensors, or one and a weight or constant", many=True),)


def _arithmetic(
    name: str,
    summary: str,
    *more: Attribute,
    inputs: tuple[Operand, ...] = _TWO,
) -> OperatorSchema:
    return OperatorSchema(name, "arithmetic", summary, inputs, (*_CONSTANT, *more))


_ARITHMETIC = (
    _arithmetic("Add", "The sum of two.", _FIRST),
    _arithmetic("Sub", "The first less the second.", _FIRST),
    _arithmetic("Mul", "The product of two, element by element.", _FIRST),
    _arithmetic("Div", "The first by the second.", _FIRST, _LEAST_DEVIATION),
    _arithmetic("Pow", "The first to the power of the second.", _FIRST),
    _arithmetic("Max", "The largest of each place.", _FIRST, inputs=_ANY),
    _arithmetic("Min", "The smallest of each place.", _FIRST, inputs=_ANY),
    OperatorSchema("Sum", "arithmetic", "The sum of any number of tensors.", _ANY),
    OperatorSchema("Mean", "arithmetic", "The mean of any number of tensors.", _ANY),
    OperatorSchema(
        "PRelu",
        "arithmetic",
        "x above 0, slope * x below.",
        (_DATA[0], Operand("slope", "a learned slope, broadcast to the data")),
        _CONSTANT,
    ),
)

SCHEMAS = (*_UNARY, *_ARITHMETIC)
