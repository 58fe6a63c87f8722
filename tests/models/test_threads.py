import subprocess
import sys
from typing import Any

import pytest

from models.errors import ModelNotUsable

CODE = """
from models.runtime import tf
from models.threads import use_threads
use_threads(intra_op=3, inter_op=0)
tf.constant(1) + 1
threading = tf.config.threading
print(threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads())
use_threads(intra_op=3, inter_op=0)
"""


def test_tensorflow_takes_the_numbers_before_it_runs_and_zero_leaves_them_to_it() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "3 0\n"


def test_afterwards_another_number_is_refused(tf: Any) -> None:
    from models.threads import use_threads

    assert float(tf.constant(1.0)) == 1.0
    with pytest.raises(ModelNotUsable, match="TensorFlow runs already and cannot be given 97 threads any more"):
        use_threads(intra_op=97, inter_op=0)
    with pytest.raises(ModelNotUsable, match="cannot be given 98 threads"):
        use_threads(intra_op=0, inter_op=98)
    use_threads(intra_op=0, inter_op=0)
