"""What processes that compute find in their environment, so that two of them can share a small machine."""

NUMERICS = {
    # Threads that wait by spinning take the processor from those they wait for, as soon as anything else runs here:
    # on two busy cores one training step took seven seconds instead of one.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Layers' outputs come and go with every pass. By default glibc hands such pieces back to the kernel each time, and
    # the kernel clears them anew: up to a quarter of the time of a sampling pass.
    "MALLOC_MMAP_THRESHOLD_": str(2**28),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}
