"""A checkpoint far larger than the memory it may take is walked tensor by tensor."""

import subprocess
import sys
from pathlib import Path

import pytest

from prima.model.convert import checkpoint

from .crafted import write_sparse

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is told by Linux only")

WALK = """
import sys
from pathlib import Path
from prima.model.convert.checkpoint import open_checkpoint
from prima.model.convert.module_tree import module_tensors

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("RssAnon"))

before = anonymous()
most, total = 0, 0.0
with open_checkpoint(Path(sys.argv[1])) as checkpoint:
    for tensor in module_tensors(checkpoint.root).values():
        values = tensor.read()
        total += values[-1].item()
        most = max(most, anonymous() - before)
        del values
print(most, total)
"""


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_walking_600_mb_takes_the_memory_of_one_tensor(legacy: bool, tmp_path: Path) -> None:
    count, megabytes = 15, 40
    path = write_sparse(tmp_path / "big.pt", count, megabytes << 20, legacy=legacy)
    assert path.stat().st_size > count * megabytes << 20
    environment = {"PYTHONPATH": str(Path(checkpoint.__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(path)], check=True, capture_output=True, text=True, env=environment
    )
    most, total = done.stdout.split()
    assert float(total) == sum(range(count))
    assert megabytes <= int(most) < 3 * megabytes
