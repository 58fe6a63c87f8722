import os
import subprocess
import sys
import threading
import time

from benchmarks import processes


def test_processor_time_counts_all_threads() -> None:
    before, own = processes.cpu_seconds(os.getpid()), time.thread_time()
    other = threading.Thread(target=_burn)
    other.start()
    other.join()
    assert processes.cpu_seconds(os.getpid()) - before >= 0.15
    assert time.thread_time() - own < 0.15


def test_processor_time_of_all_counts_what_lives_and_was_started_by_what_was_started() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    before = processes.cpu_seconds_of_all(os.getpid())
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert processes.cpu_seconds(child.pid) < 0.3 <= processes.cpu_seconds_of_all(child.pid)
        assert processes.cpu_seconds_of_all(os.getpid()) - before >= 0.3
        child.communicate(b"\n")


def test_the_peak_stays_after_memory_was_given_back() -> None:
    program = "import numpy; numpy.ones(100 * 2**20, numpy.uint8); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 100 < processes.peak_rss_mib(child.pid) < 200
        child.communicate(b"\n")


def _burn() -> None:
    while time.thread_time() < 0.2:
        pass
