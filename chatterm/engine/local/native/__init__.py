"""The decoder in C, for the CPU: compiled on this machine when it is first needed, where a C compiler is."""
