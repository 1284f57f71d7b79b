"""A decoder's passes over few tokens on a CUDA GPU, by kernels written in Triton."""
