"""Scripts that measure chatterm against others in the same run; the tables they make are in results/."""
