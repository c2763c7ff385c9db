"""The API server: connecting, reading pages, writing; HTTP becomes our errors here, and nowhere else."""
