"""Writes `fire` and `branches`: small int8 networks of max pooling and concatenations, and what ONNX Runtime makes of them.

    python3 -m venv venv && venv/bin/pip install -r tools/joined_vectors.txt
    venv/bin/python tools/joined_vectors.py workloads/vectors

Weights and inputs are seeded noise; scales come from ONNX Runtime's own quantization over other noise. `NAME.npz` holds the
inputs `x` (float32), the outputs `y`, and every quantized tensor of the first input by its name in the file, computed
by ONNX Runtime with its default optimizations. Weights have seven bits, so that no x86 CPU saturates sums of two products.

`fire` (uint8): poolings with and without padding, of odd and even sizes, and a concatenation of tensors of unequal scales.
`branches` (int8): equal scales, a concatenation within a concatenation, a tensor in two of them and the network's input in
one, pooling with stride 1 and with asymmetric padding, and a concatenation as the last feature map.
"""
import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class Network:
    """Nodes one after the other; every method returns the name of what it writes."""

    def __init__(self, name, shape, seed):
        self.name, self.shape = name, shape
        self.rng = np.random.default_rng(seed)
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind, name, inputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name, x, c, k, size=1, stride=1, pad=0, relu=True):
        spread = 1.5 / np.sqrt(c * size * size)
        # Channels of quite different sizes, so that branches get scales of their own.
        w = self.rng.normal(0, spread, (k, c, size, size)) * self.rng.uniform(0.4, 1.6, (k, 1, 1, 1))
        weights = self.constant(name + ".w", w)
        bias = self.constant(name + ".b", self.rng.normal(0, 0.2, k))
        out = self.node("Conv", name, [x, weights, bias], kernel_shape=[size] * 2, strides=[stride] * 2, pads=[pad] * 4)
        return self.node("Relu", name + ".relu", [out]) if relu else out

    def maxpool(self, name, x, size, stride, pads=(0, 0, 0, 0)):
        return self.node("MaxPool", name, [x], kernel_shape=[size] * 2, strides=[stride] * 2, pads=list(pads))

    def concat(self, name, *inputs):
        return self.node("Concat", name, list(inputs), axis=1)

    def head(self, x, c, classes):
        mean = self.node("GlobalAveragePool", "mean", [x])
        flat = self.node("Flatten", "flat", [mean])
        w = self.constant("fc.w", self.rng.normal(0, 1 / np.sqrt(c), (classes, c)))
        b = self.constant("fc.b", self.rng.normal(0, 0.2, classes))
        return self.node("Gemm", "y", [flat, w, b], transB=1)

    def model(self, classes):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, classes])
        graph = helper.make_graph(self.nodes, self.name, [x], [y], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def fire():
    n = Network("fire", [1, 3, 27, 31], 1)
    x = n.conv("stem", "x", 3, 32, 3, stride=2)
    x = n.maxpool("pool1", x, 3, 2)
    x = n.conv("squeeze", x, 32, 16)
    one = n.conv("expand1", x, 16, 32)
    three = n.conv("expand3", x, 16, 32, 3, pad=1)
    x = n.concat("joined", one, three)
    x = n.maxpool("pool2", x, 3, 2, (1, 1, 1, 1))
    x = n.conv("squeeze2", x, 64, 16, relu=False)
    # Values below zero, and padding that must not win.
    x = n.maxpool("pool3", x, 2, 2, (0, 0, 1, 1))
    n.head(x, 16, 10)
    return n.model(10), {}


def branches():
    n = Network("branches", [1, 16, 11, 9], 2)
    a = n.conv("a", "x", 16, 16, relu=False)
    b = n.conv("b", a, 16, 32, 3, pad=1, relu=False)
    p = n.maxpool("p", a, 3, 1, (1, 1, 1, 1))
    inner = n.concat("inner", b, p)
    c = n.conv("c", inner, 48, 16, 3, pad=1, relu=False)
    outer = n.concat("outer", inner, c)
    d = n.conv("d", outer, 64, 21, relu=False)
    x = n.maxpool("q", d, 3, 2, (1, 0, 0, 1))
    side = n.maxpool("r", "x", 3, 2, (1, 0, 0, 1))
    side2 = n.maxpool("s", a, 3, 2, (1, 0, 0, 1))
    x = n.concat("last", side, side2, side, x)
    n.head(x, 69, 7)
    same = {"scale": np.array(0.03, np.float32), "zero_point": np.array(-3, np.int8)}
    names = ["x", "a", "b", "p", "inner", "c", "outer", "q", "d", "r", "s", "last"]
    return n.model(7), {name: [same] for name in names}


class Noise(CalibrationDataReader):
    def __init__(self, shape):
        rng = np.random.default_rng(7)
        self.batches = iter([{"x": rng.normal(0, 1, shape).astype(np.float32)} for _ in range(16)])

    def get_next(self):
        return next(self.batches, None)


def run(path, inputs):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return [dict(zip(names, session.run(None, {"x": x}))) for x in inputs]


def write(folder, name, model, overrides, activations):
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    target = folder / f"{name}.onnx"
    with tempfile.TemporaryDirectory() as scratch:
        plain, watched = f"{scratch}/float.onnx", f"{scratch}/watched.onnx"
        onnx.save(model, plain)
        options = {"TensorQuantOverrides": overrides} if overrides else {}
        quantize_static(plain, str(target), Noise(shape), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=activations, weight_type=QuantType.QInt8, reduce_range=True, extra_options=options)
        quantized = onnx.load(target)
        inner = [node.output[0] for node in quantized.graph.node if node.op_type == "QuantizeLinear"]
        element = TensorProto.UINT8 if activations == QuantType.QUInt8 else TensorProto.INT8
        quantized.graph.output.extend(helper.make_tensor_value_info(t, element, None) for t in inner)
        onnx.save(quantized, watched)
        rng = np.random.default_rng(11)
        inputs = [rng.normal(0, 1, shape).astype(np.float32) for _ in range(4)]
        outputs, tensors = run(str(target), inputs), run(watched, inputs)[0]
    # Watching changes nothing.
    assert np.array_equal(outputs[0]["y"], tensors["y"])
    arrays = {t: tensors[t] for t in inner}
    np.savez_compressed(folder / f"{name}.npz", x=np.concatenate(inputs), y=np.concatenate([o["y"] for o in outputs]), **arrays)
    print(name, target.stat().st_size, len(arrays), "tensors")


def main():
    folder = pathlib.Path(sys.argv[1])
    for make, activations in [(fire, QuantType.QUInt8), (branches, QuantType.QInt8)]:
        model, overrides = make()
        write(folder, make.__name__, model, overrides, activations)


main()
