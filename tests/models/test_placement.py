"""Where a model runs, shown on two devices that TensorFlow makes of one CPU."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.models.conftest import Load

TWO_DEVICES = """
import json, sys
import numpy as np
from models.runtime import tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])

from models import loader, saved_model
from models.device import Device

saved_model.choose_device = lambda wanted, **_: Device(wanted, "/CPU:1")
"""

PERCEPTRON = """
model = loader.load(sys.argv[1], device="second")
features = np.load(sys.argv[2])
outputs = model._run(model._entry.feed({"features": features}))
print(json.dumps({
    "device": model.device,
    "variables": sorted({tensor.device for tensor in model._captured}),
    "outputs": sorted({output.device for output in outputs}),
    "scores": model.predict({"features": features}).scores.tolist(),
}))
"""

GRAPH_ALONE = """
from pathlib import Path
from tests.zoo.served import CASES

[case] = [case for case in CASES if case.name == "an optimizer that cannot be restored"]
case.write(tf, Path(sys.argv[1]))
model = loader.load(sys.argv[1], device="second", top_k=0)
model.warm_up(2)
print(json.dumps(model.predict({"word": np.array([b"cat"], object)}).scores.tolist()))
"""


def said(code: str, *arguments: str) -> Any:
    """What a process of its own, which has two devices, prints as JSON."""
    command = [sys.executable, "-c", TWO_DEVICES + code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


def test_variables_calls_and_results_are_on_the_device_that_it_says(load: Load, mlp: Path, tmp_path: Path) -> None:
    features = np.random.default_rng(3).standard_normal((5, 32), dtype=np.float32)
    np.save(tmp_path / "features.npy", features)
    placed = said(PERCEPTRON, str(mlp / "1"), str(tmp_path / "features.npy"))
    second = ["/job:localhost/replica:0/task:0/device:CPU:1"]
    assert placed == {
        "device": "second",
        "variables": second,
        "outputs": second,
        "scores": load(mlp / "1").predict({"features": features}).scores.tolist(),
    }


def test_a_model_loaded_by_its_graph_alone_finds_its_variables_there(tmp_path: Path) -> None:
    # TensorFlow would restore them on its first device, and miss them on the other: seen on a GPU.
    assert said(GRAPH_ALONE, str(tmp_path / "model")) == [[3.0, 2.0, 1.0]]
