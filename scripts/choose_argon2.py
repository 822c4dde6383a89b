"""Read at each start of Python where build_argon2.sh ran: takes the Argon2 for CPUs with AVX2 where this is one.

It goes before the wheel's on the path, and the wheel's stays for every other CPU: one that lacks an instruction would
end the process at its first hash.
"""

import sys
from pathlib import Path

_FOLDER = Path(sys.prefix, "argon2", "x86-64-v3")
# What x86-64-v3 asks for (x86-64 psABI, table 3.1), in Linux' words; `abm` is what it calls lzcnt.
_NEEDED = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}


def can_run(cpuinfo: str) -> bool:
    """Whether every CPU listed there can."""
    flags = [set(line.partition(":")[2].split()) for line in cpuinfo.splitlines() if line.startswith("flags")]
    return bool(flags) and all(each.issuperset(_NEEDED) for each in flags)


def choose() -> None:
    try:
        if _FOLDER.is_dir() and can_run(Path("/proc/cpuinfo").read_text()):
            sys.path.insert(0, str(_FOLDER))
    except OSError:
        return


choose()
