"""The folder that one run of the demo works in."""

import shutil
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.demo.failure import DemoFailed
from app.errors import StreamRankError


@contextmanager
def workplace() -> Iterator[Path]:
    """Make a folder; remove it afterwards, unless what lies in it tells why the demo failed.

    Raises:
        DemoFailed: for whatever goes wrong in the block; the message names the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="streamrank-demo-"))
    try:
        yield folder
    except StreamRankError as error:
        raise DemoFailed(f"{error}\nModel and logs are in {folder}") from error
    except BrokenPipeError:  # whoever read what we print has seen enough
        shutil.rmtree(folder)
        raise
    except Exception as error:  # nobody who tries the demo should be met by a traceback
        report = folder / "traceback.txt"
        report.write_text(traceback.format_exc())
        raise DemoFailed(f"something unexpected happened: {error!r}\n{report} tells more") from error
    except BaseException:  # Ctrl-C
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
