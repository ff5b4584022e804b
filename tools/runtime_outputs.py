"""Runs trained networks with LiteRT's reference kernels, for `make networks` to compare the simulated hardware with.

    python3 -m venv venv && venv/bin/pip install -r tools/runtime_outputs.txt
    venv/bin/python tools/runtime_outputs.py ../shared target/networks

Writes for each network NAME.x.npy (the inputs as the file declares them), NAME.y.npy (LiteRT's outputs under BUILTIN_REF) and,
where classes are known, NAME.labels.npy: 50 images of the JPEG CIFAR-10 test set for ResNet8, the first 1,000 MNIST digits for
LeNet, 200 stimuli for keyword spotting, seeded noise for the others. Prints how many classes LiteRT gets right.
"""
import io
import pathlib
import sys
import tarfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def cifar(shared, count):
    """The first images of every class, one class after the other in turn; the network's input is pixel - 128."""
    found = {}
    with tarfile.open(shared / "data/cifar10_jpeg75.tar.xz") as archive:
        for member in archive:
            parts = pathlib.PurePath(member.name).parts
            if member.isfile() and parts[0] == "test":
                image = Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB")
                found[(parts[-1], parts[-2])] = np.asarray(image)
    order = sorted(found)[:count]
    x = np.stack([found[key] for key in order]).astype(np.int16) - 128
    return x.astype(np.int8), [CLASSES.index(label) for _, label in order]


def inputs(shared, name, detail):
    """Inputs of a network, and their labels if there are any."""
    if name == "pretrainedResnet_quant":
        return cifar(shared, 50)
    if name == "kws_ref_model":
        data = np.load(shared / "data/kws01_first200.npz")
        return data["x"].reshape(-1, *detail["shape"][1:]), data["y"]
    if name == "ptq_mnist_lenet-300-100":
        data = np.load(shared / "data/mnist_test.npz")
        digits = data["x"][:1000].reshape(-1, *detail["shape"][1:]).astype(np.float32) / np.float32(255)
        return digits, data["y"][:1000]
    recorded = np.load(shared / f"vectors/tflite/{name}.npz")["input"]
    return recorded.reshape(-1, *detail["shape"][1:]), None


def main():
    shared, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((shared / "models").glob("*.tflite")):
        resolver = OpResolverType.BUILTIN_REF
        network = Interpreter(str(path), experimental_op_resolver_type=resolver, num_threads=1)
        network.allocate_tensors()
        source, result = network.get_input_details()[0], network.get_output_details()[0]
        x, labels = inputs(shared, path.stem, source)
        y = []
        for one in x:
            network.set_tensor(source["index"], one[None].astype(source["dtype"]))
            network.invoke()
            y.append(network.get_tensor(result["index"]).copy())
        y = np.concatenate(y)
        np.save(folder / f"{path.stem}.x.npy", np.ascontiguousarray(x.astype(source["dtype"])))
        np.save(folder / f"{path.stem}.y.npy", y)
        line = f"{path.stem}: {len(x)} inputs"
        if labels is not None:
            labels = np.asarray(labels, np.int64)
            np.save(folder / f"{path.stem}.labels.npy", labels)
            line += f", {int((y.reshape(len(x), -1).argmax(1) == labels).sum())} right"
        print(line, flush=True)


main()
