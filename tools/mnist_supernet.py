"""Trains the elastic supernet of the space `naas-mnist`, measures subnets, and quantizes one of them.

    python3 tools/mnist_supernet.py train   --data mnist_test.npz --weights FILE.pt
    python3 tools/mnist_supernet.py measure --data mnist_test.npz --weights FILE.pt --subnets 200 --table workloads/naas_mnist.csv
    python3 tools/mnist_supernet.py export  --data mnist_test.npz --weights FILE.pt --table workloads/naas_mnist.csv \
                                            --onnx workloads/naas_mnist.onnx --vectors workloads/vectors/naas_mnist.npz [--images FOLDER]

The data are MNIST's 10,000 test digits, an archive with `x` (10000, 28, 28) uint8 and `y` (10000,): 7,000 of them train, 1,500
are held out to choose by, 1,500 test. No figure from here is comparable with those of networks trained on MNIST's 60,000
training digits. Nothing here is needed to build or test the project; tools/mnist_supernet.txt names the versions.

The space (src/nas/mnist.rs counts the same layers): a 3x3 convolution with stride 2, two stages of one or two depthwise-separable
blocks (the first with stride 2), the mean over the image, a product to ten classes. Elastic: side of the centre of the image that
is looked at (20, 24, 28: MNIST's digits fill 20x20), blocks per stage, depthwise kernels (3x3 is the centre of 5x5), widths
(the first channels of the widest form). Every convolution has batch normalisation and ReLU; its statistics are taken anew for
each subnet from training digits, as Once-for-All does (arXiv 1908.09791).

Training: sandwich rule (Yu et al., arXiv 1903.05134): each step trains the largest subnet on labels, the smallest and two random
ones on the largest one's outputs.
"""
import argparse
import itertools
import pathlib

import numpy as np
import torch
from torch.nn import functional as F

RESOLUTIONS, DEPTHS, WIDTHS, KERNELS = [20, 24, 28], [1, 2], [0.5, 0.75, 1.0], [3, 5]
CHANNELS, CLASSES, BLOCKS = [16, 32, 64], 10, 4
SEED, EPOCHS, BATCH, RATE = 7, 14, 50, 4e-3
RANDOM = 2  # random subnets of each step
TRAIN, HELD_OUT = 7000, 1500
CALIBRATION = 400  # training digits that batch normalisation is taken from
EPS = 1e-5
MOST_WEIGHT = 63
LOWEST = np.int8(-128)  # the zero point of what is never negative


# A genotype is (resolution, depths, widths, kernels) as option indices, in the order of the project's text: d..-w...-k....
def text(g):
    return "d{}-w{}-k{}".format(*("".join(map(str, part)) for part in g[1:]))


def parse(resolution, word):
    d, w, k = (tuple(map(int, part[1:])) for part in word.split("-"))
    return (RESOLUTIONS.index(int(resolution)), d, w, k)


def normalised(g):
    r, d, w, k = g
    used = [position <= d[stage] for stage in range(2) for position in range(2)]
    return (r, d, w, tuple(o if u else 0 for o, u in zip(k, used)))


def everything():
    options = itertools.product(range(3), itertools.product(range(2), repeat=2), itertools.product(range(3), repeat=3),
                                itertools.product(range(2), repeat=4))
    return sorted({normalised(g) for g in options})


def layers(g):
    """(parameter, output channels, kernel, stride, depthwise) of each convolution."""
    _, d, w, k = g
    width = [int(c * WIDTHS[o]) for c, o in zip(CHANNELS, w)]
    found, channels = [("stem", width[0], 3, 2, False)], width[0]
    for stage in range(2):
        for position in range(d[stage] + 1):
            block = 2 * stage + position
            found.append((f"dw{block}", channels, KERNELS[k[block]], 2 if position == 0 else 1, True))
            found.append((f"pw{block}", width[stage + 1], 1, 1, False))
            channels = width[stage + 1]
    return found


def new_weights():
    torch.manual_seed(SEED)
    c0, c1, c2 = CHANNELS
    shapes = {"stem": (c0, 1, 3, 3)}
    for block, (cin, cout) in enumerate([(c0, c1), (c1, c1), (c1, c2), (c2, c2)]):
        shapes[f"dw{block}"], shapes[f"pw{block}"] = (cin, 1, 5, 5), (cout, cin, 1, 1)
    weights = {}
    for name, shape in shapes.items():
        weights[name] = torch.randn(shape) * (2.0 / np.prod(shape[1:])) ** 0.5
        weights[name + ".gain"], weights[name + ".bias"] = torch.ones(shape[0]), torch.zeros(shape[0])
    weights["fc"], weights["fc.bias"] = torch.randn(CLASSES, c2) * c2 ** -0.5, torch.zeros(CLASSES)
    return {name: value.requires_grad_() for name, value in weights.items()}


def part(weights, name, out, cin, kernel, depthwise):
    w = weights[name]
    edge = (w.shape[2] - kernel) // 2
    return w[:out, : 1 if depthwise else cin, edge : w.shape[2] - edge, edge : w.shape[3] - edge]


def image(x, g):
    edge = (28 - RESOLUTIONS[g[0]]) // 2
    return x[:, :, edge : 28 - edge, edge : 28 - edge]


def forward(weights, g, x, statistics=None, record=None):
    """Logits; normalised by the batch, or by `statistics`; `record` takes the batch's."""
    x = image(x, g)
    for name, out, kernel, stride, depthwise in layers(g):
        cin = x.shape[1]
        x = F.conv2d(x, part(weights, name, out, cin, kernel, depthwise), None, stride, kernel // 2, 1, cin if depthwise else 1)
        gain, bias = weights[name + ".gain"][:out], weights[name + ".bias"][:out]
        mean, var = statistics[name] if statistics else (None, None)
        if record is not None:
            record[name] = (x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False))
        x = F.relu(F.batch_norm(x, mean, var, gain, bias, training=statistics is None, eps=EPS))
    return x.mean((2, 3)) @ weights["fc"][:, : x.shape[1]].T + weights["fc.bias"]


def counts(weights, g):
    """Multiply-accumulates and parameters (convolution and product weights, product biases) from the tensors that run."""
    x, macs, parameters = torch.zeros(1, 1, RESOLUTIONS[g[0]], RESOLUTIONS[g[0]]), 0, 0
    for name, out, kernel, stride, depthwise in layers(g):
        w = part(weights, name, out, x.shape[1], kernel, depthwise)
        x = F.conv2d(x, w, None, stride, kernel // 2, 1, x.shape[1] if depthwise else 1)
        macs, parameters = macs + x.numel() * w[0].numel(), parameters + w.numel()
    return macs + CLASSES * x.shape[1], parameters + CLASSES * x.shape[1] + CLASSES


def load(path):
    data = np.load(path)
    order = np.random.RandomState(SEED).permutation(len(data["x"]))
    parts = np.split(order, [TRAIN, TRAIN + HELD_OUT])
    x, y = torch.tensor(data["x"][:, None] / 255.0, dtype=torch.float32), torch.tensor(data["y"].astype(np.int64))
    return data, parts, [(x[i], y[i]) for i in parts]


def train(args):
    _, _, [(x, y), (hx, hy), _] = load(args.data)
    weights, rng = new_weights(), np.random.RandomState(SEED)
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.Adam(weights.values(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    space = everything()
    largest = (2, (1, 1), (2, 2, 2), (1, 1, 1, 1))
    smallest = (0, (0, 0), (0, 0, 0), (0, 0, 0, 0))
    shown = [largest, smallest, *space[len(space) // 8 :: len(space) // 4]]
    for epoch in range(EPOCHS):
        order = rng.permutation(len(x))
        for start in range(0, len(x) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            shift = tuple(int(s) for s in rng.randint(-1, 2, 2))
            images = torch.roll(x[batch], shift, (2, 3))
            optimizer.zero_grad()
            logits = forward(weights, largest, images)
            F.cross_entropy(logits, y[batch], label_smoothing=0.05).backward()
            target = F.softmax(logits.detach(), 1)
            for g in [smallest, *(space[i] for i in rng.randint(len(space), size=RANDOM))]:
                F.cross_entropy(forward(weights, g, images), target).backward()
            optimizer.step()
            schedule.step()
        if epoch % 4 != 1:
            continue
        with torch.no_grad():
            print(epoch, *[f"{accuracy(weights, g, x, hx, hy):.2f}" for g in shown], flush=True)
    torch.save({name: value.detach() for name, value in weights.items()}, args.weights)


def calibrated(weights, g, x):
    statistics = {}
    forward(weights, g, x[:CALIBRATION], record=statistics)
    return statistics


def accuracy(weights, g, x, tx, ty):
    right = forward(weights, g, tx, calibrated(weights, g, x)).argmax(1) == ty
    return 100.0 * right.float().mean().item()


HEADER = """# Measured: naas-mnist supernet, trained on 7,000 of MNIST's 10,000 test digits; 1,500 held out, 1,500 test.
# float32, batch normalisation of each subnet from 400 training digits; tools/mnist_supernet.py
# top1 is the held-out accuracy, which searches may choose by; test is for reporting
genotype,resolution,macs,parameters,top1,test
"""


def rows_of(table):
    """Rows by genotype; none if there is no table yet."""
    lines = table.read_text().splitlines() if table.exists() else []
    cells = [line.split(",") for line in lines if not line.startswith("#")][1:]
    return {parse(c[1], c[0]): c for c in cells}


@torch.no_grad()
def measure(args):
    """Adds rows until there are as many as asked for, each kept as soon as it is there; what is measured stays."""
    _, _, [(x, _), (hx, hy), (tx, ty)] = load(args.data)
    weights, space = torch.load(args.weights), everything()
    picks = np.random.RandomState(SEED + 1).permutation(len(space))
    chosen = [space[-1], space[0], *(space[i] for i in picks)]
    rows = rows_of(args.table)
    for g in dict.fromkeys(chosen):
        if len(rows) >= args.subnets:
            break
        if g in rows:
            continue
        statistics = calibrated(weights, g, x)
        right = [100.0 * (forward(weights, g, a, statistics).argmax(1) == b).float().mean().item()
                 for a, b in [(hx, hy), (tx, ty)]]
        rows[g] = [text(g), *map(str, [RESOLUTIONS[g[0]], *counts(weights, g)]), *(f"{r:.2f}" for r in right)]
        args.table.write_text(HEADER + "".join(",".join(rows[g]) + "\n" for g in sorted(rows)))


# ---- one subnet as int8 ----

def folded(weights, g, x):
    """(name, weights, bias, stride, pad, groups) of each convolution with its normalisation inside."""
    statistics, cin = calibrated(weights, g, x), 1
    for name, out, kernel, stride, depthwise in layers(g):
        mean, var = statistics[name]
        scale = weights[name + ".gain"][:out] / torch.sqrt(var + EPS)
        w = part(weights, name, out, cin, kernel, depthwise) * scale[:, None, None, None]
        yield name, w.numpy(), (weights[name + ".bias"][:out] - mean * scale).numpy(), stride, kernel // 2, cin if depthwise else 1
        cin = out


def quantized_model(weights, g, x):
    """QDQ: weights int8, symmetric, one scale per output channel; activations int8 from -128 on; logits int8, symmetric.

    Weights keep to seven bits: ONNX Runtime's kernels add two products in 16 bits on machines without VNNI, and would saturate
    (eight bits lost three points of accuracy there, and no bit in exact integers).
    """
    import onnx
    from onnx import TensorProto as T, helper as h, numpy_helper as nh

    nodes, constants = [], []

    def constant(name, value):
        constants.append(nh.from_array(np.asarray(value), name))
        return name

    def quantize(name, source, scale, zero):
        s, z = constant(f"{name}_scale", np.float32(scale)), constant(f"{name}_zero", zero)
        nodes.append(h.make_node("QuantizeLinear", [source, s, z], [f"{name}_q"], f"{name}_quantize"))
        nodes.append(h.make_node("DequantizeLinear", [f"{name}_q", s, z], [f"{name}_d"], f"{name}_dequantize"))
        return f"{name}_d"

    def parameters(name, w, b, scale_in):
        scale = np.maximum(np.abs(w).reshape(len(w), -1).max(1) / MOST_WEIGHT, 1e-8).astype(np.float32)
        q = np.clip(np.rint(w / scale.reshape(-1, *[1] * (w.ndim - 1))), -MOST_WEIGHT, MOST_WEIGHT).astype(np.int8)
        scale_b = (scale * np.float32(scale_in)).astype(np.float32)
        qb = np.rint(b / scale_b).astype(np.int32)
        found = []
        for suffix, values, scales, zeros in [("w", q, scale, np.zeros(len(w), np.int8)), ("b", qb, scale_b, np.zeros(len(w), np.int32))]:
            names = [constant(f"{name}_{suffix}", values), constant(f"{name}_{suffix}_scale", scales),
                     constant(f"{name}_{suffix}_zero", zeros)]
            nodes.append(h.make_node("DequantizeLinear", names, [f"{name}_{suffix}_d"], f"{name}_{suffix}_dequantize", axis=0))
            found.append(f"{name}_{suffix}_d")
        return found

    side = RESOLUTIONS[g[0]]
    scale, a = np.float32(1 / 255), image(x[:CALIBRATION], g)
    at = quantize("input", "image", scale, LOWEST)
    for name, w, b, stride, pad, groups in folded(weights, g, x):
        a = F.relu(F.conv2d(a, torch.tensor(w), torch.tensor(b), stride, pad, 1, groups))
        inputs = [at, *parameters(name, w, b, scale)]
        nodes.append(h.make_node("Conv", inputs, [f"{name}_c"], name, kernel_shape=w.shape[2:], strides=[stride] * 2,
                                 pads=[pad] * 4, group=groups))
        nodes.append(h.make_node("Relu", [f"{name}_c"], [f"{name}_r"], f"{name}_relu"))
        scale = np.float32(np.quantile(a.numpy(), 0.9999) / 255)
        at = quantize(name, f"{name}_r", scale, LOWEST)
    a = a.mean((2, 3))
    nodes.append(h.make_node("GlobalAveragePool", [at], ["mean"], "mean"))
    scale = np.float32(a.max().item() / 255)
    at = quantize("pooled", "mean", scale, LOWEST)
    nodes.append(h.make_node("Flatten", [at], ["flat"], "flatten", axis=1))
    at = quantize("flat", "flat", scale, LOWEST)
    w, b = weights["fc"][:, : a.shape[1]].numpy(), weights["fc.bias"].numpy()
    nodes.append(h.make_node("Gemm", [at, *parameters("fc", w, b, scale)], ["fc_g"], "fc", transB=1))
    logits = a.numpy() @ w.T + b
    quantize("logits", "fc_g", np.abs(logits).max() / 127, np.int8(0))
    nodes[-1].output[0] = "y"
    graph = h.make_graph(nodes, "naas_mnist", [h.make_tensor_value_info("image", T.FLOAT, [1, 1, side, side])],
                         [h.make_tensor_value_info("y", T.FLOAT, [1, CLASSES])], constants)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8, producer_name="tools/mnist_supernet.py")
    onnx.checker.check_model(model)
    return model


def chosen_subnet(table):
    """The fewest multiply-accumulates among subnets within two points of the best held-out accuracy."""
    rows = rows_of(table)
    best = max(float(row[4]) for row in rows.values())
    return min(((g, row) for g, row in rows.items() if float(row[4]) >= best - 2), key=lambda pair: int(pair[1][2]))


@torch.no_grad()
def export(args):
    import onnx
    import onnxruntime

    data, (_, _, test), [(x, _), _, _] = load(args.data)
    g, row = chosen_subnet(args.table)
    model = quantized_model(torch.load(args.weights), g, x)
    onnx.save(model, args.onnx)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(args.onnx, options, providers=["CPUExecutionProvider"])
    scale = next(np.frombuffer(t.raw_data, np.float32)[0] for t in model.graph.initializer if t.name == "logits_scale")
    run = lambda images: np.concatenate([np.rint(session.run(None, {"image": i[None, None].astype(np.float32) / np.float32(255)})[0] / scale)
                                         for i in images]).astype(np.int8)
    side, edge = RESOLUTIONS[g[0]], (28 - RESOLUTIONS[g[0]]) // 2
    noise = np.random.RandomState(SEED).randint(0, 256, (16, side, side)).astype(np.uint8)
    digits = data["x"][test][:, edge : 28 - edge, edge : 28 - edge]
    y = run(digits)
    np.savez_compressed(args.vectors, x=(noise ^ 0x80).view(np.int8)[:, None], y=run(noise), test=test.astype(np.int32), test_y=y)
    right = int((y.argmax(1) == data["y"][test]).sum())
    print(f"{text(g)} at {side}: float {row[5]} %, int8 in onnxruntime {right} of {len(test)} test digits")
    if args.images:
        args.images.mkdir(parents=True, exist_ok=True)
        np.save(args.images / "images.npy", digits[:, None].astype(np.float32) / np.float32(255))
        np.save(args.images / "labels.npy", data["y"][test].astype(np.int64))


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["train", "measure", "export"])
    parser.add_argument("--subnets", type=int, default=200, help="how many to measure, drawn at random")
    for name in ["data", "weights", "table", "onnx", "vectors", "images"]:
        parser.add_argument(f"--{name}", type=pathlib.Path)
    args = parser.parse_args()
    {"train": train, "measure": measure, "export": export}[args.step](args)


if __name__ == "__main__":
    main()
