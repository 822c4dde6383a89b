"""What Argon2 alone does here: `python -m bench.calibrate SECONDS` prints verifications a second of two threads."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from passlib.hash import argon2

from bench.seed import MEMORY_KIB, PASSWORD, TIME_COST

THREADS = 2


def rate(seconds: float) -> float:
    scheme = argon2.using(type="ID", memory_cost=MEMORY_KIB, time_cost=TIME_COST, parallelism=1)  # type: ignore[no-untyped-call]
    stored = scheme.hash(PASSWORD)
    began = time.perf_counter()

    def verify() -> int:
        done = 0
        while time.perf_counter() - began < seconds:
            assert scheme.verify(PASSWORD, stored)
            done += 1
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = sum(each.result() for each in [pool.submit(verify) for _ in range(THREADS)])
    return done / (time.perf_counter() - began)


if __name__ == "__main__":
    print(rate(float(sys.argv[1])))
