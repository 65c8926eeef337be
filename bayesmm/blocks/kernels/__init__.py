"""The compiled loops, each a C function on pointers (:mod:`bayesmm.blocks.kernels.routine`)."""
