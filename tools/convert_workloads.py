"""Writes workloads/networks.json, the layer shapes that the program carries, from the reference's layer tables.

    python3 tools/convert_workloads.py ../shared/reference/workload_layers.json > workloads/networks.json

The tables were exported from torchvision and from models written for the purpose, as ONNX, with batch 1. SqueezeNet 1.0 is
not among them and is built here from its paper (Iandola et al., arXiv 1602.07360, table 1) with torchvision's choices: no
padding in the first convolution, pooling sizes rounded up. One row per layer, in graph order:

    ["conv", N, K, C, H, W, R, S, [stride y, x], [pad top, left, bottom, right], [dilation y, x], groups]
    ["deconv", ...]                          the same, transposed
    ["matmul", batch, M, N, K, weights]      weights: whether the second operand is constant
"""
import json
import sys


def row(r):
    if len(r) == 16:
        op, n, k, c, h, w, kr, ks, _, _, stride, pad, dilation, groups, _, _ = r
        return [{"Conv": "conv", "ConvTranspose": "deconv"}[op], n, k, c, h, w, kr, ks, stride, pad, dilation, groups]
    _, batch, m, n, k, weights, _, _ = r
    return ["matmul", batch, m, n, k, weights]


def squeezenet1_0():
    rows, macs, elements = [], 0, 0

    def conv(k, c, side, kernel, stride=1, pad=0):
        nonlocal macs, elements
        out = (side + 2 * pad - kernel) // stride + 1
        rows.append(["conv", 1, k, c, side, side, kernel, kernel, [stride] * 2, [pad] * 4, [1, 1], 1])
        macs += k * c * kernel * kernel * out * out
        elements += k * c * kernel * kernel
        return out

    side, channels = conv(96, 3, 224, 7, 2), 96
    # Squeeze channels and expand channels of one kind; pooling 3x3 by 2 comes before fire 2, 5 and 9.
    fires = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
    for number, (squeeze, expand) in enumerate(fires, 2):
        if number in (2, 5, 9):
            side = -(-(side - 3) // 2) + 1
        conv(squeeze, channels, side, 1)
        conv(expand, squeeze, side, 1)
        conv(expand, squeeze, side, 3, 1, 1)
        channels = 2 * expand
    conv(1000, channels, side, 1)
    return {"macs": macs, "weights": elements, "layers": rows}


def main():
    nets = json.load(open(sys.argv[1]))["nets"]
    out = {name: {"macs": net["macs"], "weights": net["weight_elems"], "layers": [row(r) for r in net["layers"]]}
           for name, net in nets.items()}
    out["squeezenet1_0"] = squeezenet1_0()
    text = []
    for name in sorted(out):
        net = out[name]
        rows = ",\n  ".join(json.dumps(r, separators=(",", ":")) for r in net["layers"])
        text.append(f'"{name}":{{"macs":{net["macs"]},"weights":{net["weights"]},"layers":[\n  {rows}]}}')
    print("{" + ",\n".join(text) + "}")


if __name__ == "__main__":
    main()
