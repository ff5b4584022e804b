"""Writes the float ONNX files of the reader's tests, from PyTorch's older and newer exporter, with what they must add up to.

    python3 -m venv venv && venv/bin/pip install -r tools/export_onnx.txt
    venv/bin/python tools/export_onnx.py tests/onnx            # the committed files
    venv/bin/python tools/export_onnx.py --zoo FOLDER          # networks of workloads/networks.json, not committed

Each network is written as NAME.torchscript.onnx and NAME.dynamo.onnx without weights: initializers keep name, type and
extents, and those of more than 64 elements say that their data lie in another file, which does not exist. `expected.json`
holds, for each network, the multiply-accumulates that PyTorch's own FlopCounterMode counts while the network runs (half of
its floating-point operations), which is independent of both exporters and of ONNX.

`operators.onnx` is one graph of unconnected nodes: the test cases that the ONNX project ships for the operators that the
reader knows, each output declared with the extents that the case's recorded result has.
"""
import json
import pathlib
import re
import sys
import warnings

import onnx
import torch
import torchvision
from onnx.backend.test.case.node import collect_testcases
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

RULES = pathlib.Path(__file__).parent.parent / "src/workload/onnx/shapes/infer.rs"  # the operators that the reader knows
SMALL = 64  # elements up to which initializers keep their data: the integers of shapes are among them


class Block(nn.Module):
    """A transformer block written out: products of activations, and reshapes that follow the input's size."""

    def __init__(self, width=48, heads=4):
        super().__init__()
        self.heads = heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.before(x)).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / (width // self.heads) ** 0.5
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
        x = x + self.out(mixed)
        return x + self.down(nn.functional.gelu(self.up(self.after(x))))


class Branches(nn.Module):
    """What image networks do beside plain convolutions: transposed and grouped ones, pooling that rounds up, splits, slices,
    resizing, pixel shuffling, padding by reflection, and odd sizes throughout."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 5, 2, 1, bias=False), nn.BatchNorm2d(12), nn.PReLU(12))
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.grouped = nn.Conv2d(12, 24, 3, padding=2, dilation=2, groups=4)
        self.depthwise = nn.Conv2d(12, 12, (3, 5), (1, 2), (1, 2), groups=12)
        self.up = nn.ConvTranspose2d(12, 8, 3, 2, 1, output_padding=1)
        self.halves = nn.Conv2d(8, 16, 1)
        self.line = nn.Conv1d(8, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        x = self.pool(self.stem(nn.functional.pad(x, (1, 2, 0, 1), mode="reflect")))
        a, b = self.grouped(x).chunk(2, 1)
        x = nn.functional.hardswish(a) * b.sigmoid() + nn.functional.interpolate(self.depthwise(x), size=x.shape[-2:])
        x = nn.functional.leaky_relu(self.up(x))[:, :, 1::2, :-1]
        x = nn.functional.pixel_shuffle(torch.cat([self.halves(x), x.repeat(1, 2, 1, 1)], 1), 2)
        x = self.line(x.mean(2).clamp(0, 6))
        return self.head(nn.functional.adaptive_avg_pool1d(x, 1).flatten(1)).log_softmax(-1)


def committed():
    image = torch.zeros(1, 3, 224, 224)
    return {
        "branches": (Branches(), torch.zeros(1, 3, 61, 47)),
        "transformer": (Block(), torch.zeros(1, 10, 48)),
        "squeezenet1_1": (torchvision.models.squeezenet1_1(), image),
        "mobilenet_v3_small": (torchvision.models.mobilenet_v3_small(), image),
    }


def operators(known):
    """One node per test case of a known operator: its operands as constants, its results as declared outputs."""
    graph = onnx.GraphProto(name="operators")
    for case in sorted(collect_testcases(None), key=lambda case: case.name):
        nodes, data = case.model.graph.node, case.data_sets[0]
        if len(nodes) != 1 or nodes[0].op_type not in known or nodes[0].domain:
            continue
        if not all(hasattr(value, "shape") for value in [*data[0], *data[1]]):
            continue
        if any(value.size == 0 for value in [*data[0][:1], *data[1]]):
            continue
        node = graph.node.add()
        node.CopyFrom(nodes[0])
        node.name = case.name
        names = lambda group: [f"{case.name}/{name}" if name else "" for name in group]
        node.input[:], node.output[:] = names(node.input), names(node.output)
        values = dict(zip(names(value.name for value in case.model.graph.input), data[0]))
        for i, (name, value) in enumerate(values.items()):
            integers = value.dtype.kind in "ib" and value.ndim <= 1 and value.size <= SMALL
            if i > 0 or (integers and node.op_type not in ["Shape", "Reshape"]):
                graph.initializer.append(onnx.numpy_helper.from_array(value, name))
            else:
                graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, value.shape))
        for name, value in zip(names(value.name for value in case.model.graph.output), data[1]):
            graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, value.shape))
    return onnx.helper.make_model(graph)


def zoo():
    names = ["efficientnet_b0", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "resnet18",
             "resnet50", "squeezenet1_0", "squeezenet1_1", "vgg16", "vit_b_16"]
    return {name: (getattr(torchvision.models, name)(), torch.zeros(1, 3, 224, 224)) for name in names}


def strip(model):
    """Leaves what a reader of shapes needs."""
    del model.metadata_props[:]
    graph = model.graph
    del graph.value_info[:], graph.metadata_props[:]
    graph.doc_string = ""
    for value in [*graph.input, *graph.output]:
        del value.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for tensor in graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
        elements = 1
        for extent in tensor.dims:
            elements *= extent
        if elements > SMALL:
            for data in ["raw_data", "float_data", "int32_data", "int64_data"]:
                tensor.ClearField(data)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            tensor.external_data.add(key="location", value="absent")
    return model


def export(net, example, path, dynamo):
    more = {"dynamo": True, "optimize": True} if dynamo else {
        "dynamo": False, "dynamic_axes": {"x": {0: "batch"}}, "opset_version": 17}
    torch.onnx.export(net, (example,), str(path), input_names=["x"], output_names=["y"], verbose=False, **more)
    model = onnx.load(str(path), load_external_data=False)
    path.with_name(path.name + ".data").unlink(missing_ok=True)
    path.write_bytes(strip(model).SerializeToString(deterministic=True))


def main():
    arguments = sys.argv[1:]
    networks = zoo() if arguments[0] == "--zoo" else committed()
    folder = pathlib.Path(arguments[-1])
    folder.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    expected = {}
    for name, (net, example) in networks.items():
        net.eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(example)
        expected[name] = counter.get_total_flops() // 2
        export(net, example, folder / f"{name}.torchscript.onnx", False)
        export(net, example, folder / f"{name}.dynamo.onnx", True)
    if arguments[0] != "--zoo":
        known = set(re.findall(r'^    \("(\w+)", Rule::', RULES.read_text(), re.MULTILINE))
        (folder / "operators.onnx").write_bytes(strip(operators(known)).SerializeToString(deterministic=True))
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
